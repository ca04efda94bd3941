/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pointwise: see pointwise.h. A tile is SPAN floats, or DF_CHUNK pixels of one image. */
#include "ops/pointwise.h"

#include "ops/sums.h"

#include <string.h>

#define SPAN 16384

typedef struct span_job
{
  const df_kernels *k;
  const float      *a, *b;
  float             scale, offset;
  float            *y;
  size_t            n;
  bool              add;
} span_job;

static void
run_spans (const df_ops *ops, df_tile_fn fn, span_job *job)
{
  job->k = ops->k;
  df_pool_run (ops->pool, (job->n + SPAN - 1) / SPAN, fn, job);
}

static void
silu_span (void *ctx, size_t tile, int worker)
{
  const span_job *job = ctx;
  size_t          at  = tile * SPAN;

  (void) worker;
  job->k->silu (job->a + at, job->y + at, df_min_size (SPAN, job->n - at));
}

static void
silu_back_span (void *ctx, size_t tile, int worker)
{
  const span_job *job = ctx;
  size_t          at  = tile * SPAN;

  (void) worker;
  job->k->silu_back (job->a + at, job->b + at, job->y + at, df_min_size (SPAN, job->n - at), job->add);
}

static void
add_span (void *ctx, size_t tile, int worker)
{
  const span_job *job = ctx;
  size_t          end = df_min_size ((tile + 1) * SPAN, job->n);

  (void) worker;
  for (size_t i = tile * SPAN; i < end; i++)
    job->y[i] = (job->a[i] + (job->b != NULL ? job->b[i] : 0.0f)) * job->scale + job->offset;
}

static void
axpy_span (void *ctx, size_t tile, int worker)
{
  const span_job *job = ctx;
  size_t          at  = tile * SPAN;

  (void) worker;
  job->k->axpy (job->a + at, job->scale, job->y + at, df_min_size (SPAN, job->n - at), job->add);
}

void
df_silu (const df_ops *ops, const float *x, float *y, size_t n)
{
  run_spans (ops, silu_span, &(span_job) { .a = x, .y = y, .n = n });
}

void
df_silu_backward (const df_ops *ops, const float *x, const float *dy, float *dx, size_t n, bool add)
{
  run_spans (ops, silu_back_span, &(span_job) { .a = x, .b = dy, .y = dx, .n = n, .add = add });
}

void
df_add (const df_ops *ops, const float *a, const float *b, float scale, float offset, float *y, size_t n)
{
  run_spans (ops, add_span, &(span_job) { .a = a, .b = b, .scale = scale, .offset = offset, .y = y, .n = n });
}

void
df_axpy (const df_ops *ops, const float *x, float a, float *y, size_t n, bool add)
{
  run_spans (ops, axpy_span, &(span_job) { .a = x, .scale = a, .y = y, .n = n, .add = add });
}

/* ------------------------------------------------------------------ rows */

typedef struct rows_job
{
  const df_rows *rows;
  const float   *x, *row, *dy;
  float         *y;
  bool           shift, add;    /* scale_shift; y += */
} rows_job;

static void
rows_chunk (void *ctx, size_t tile, int worker)
{
  const rows_job *job    = ctx;
  size_t          chunks = df_chunks (job->rows->pixels), c = (size_t) job->rows->channels;
  size_t          image  = tile / chunks, first = tile % chunks * DF_CHUNK;
  size_t          count  = df_min_size (DF_CHUNK, job->rows->pixels - first);
  size_t          at     = (image * job->rows->pixels + first) * c;
  const float    *row    = job->row + image * c * (job->shift ? 2 : 1);

  (void) worker;
  for (size_t p = 0; p < count; p++, at += c)
    for (size_t i = 0; i < c; i++)
      if (job->dy != NULL)
        job->y[at + i] = (job->add ? job->y[at + i] : 0.0f) + job->dy[at + i] * (1.0f + row[i]);
      else if (job->shift)
        job->y[at + i] = job->x[at + i] * (1.0f + row[i]) + row[c + i];
      else
        job->y[at + i] = job->x[at + i] + row[i];
}

static void
run_rows (const df_ops *ops, rows_job *job)
{
  df_pool_run (ops->pool, (size_t) job->rows->batch * df_chunks (job->rows->pixels), rows_chunk, job);
}

void
df_add_row (const df_ops *ops, const df_rows *rows, const float *x, const float *row, float *y)
{
  run_rows (ops, &(rows_job) { .rows = rows, .x = x, .row = row, .y = y });
}

void
df_scale_shift (const df_ops *ops, const df_rows *rows, const float *x, const float *s, float *y)
{
  run_rows (ops, &(rows_job) { .rows = rows, .x = x, .row = s, .y = y, .shift = true });
}

void
df_scale_shift_backward (const df_ops *ops, const df_rows *rows, const float *x, const float *s,
                         const float *dy, float *dx, bool add, float *ds, bool add_s)
{
  df_sums       sums  = { .batch = rows->batch, .channels = rows->channels, .pixels = rows->pixels, .x = x,
                          .dy = dy, .scale = s, .shift = s };   /* read, not used, without SiLU */
  const double *total = df_sums_run (ops, &sums);
  size_t        c     = (size_t) rows->channels;

  for (size_t n = 0; n < (size_t) rows->batch; n++)
    for (size_t i = 0; i < c; i++)
      {
        float *scale = ds + n * 2 * c + i, *shift = scale + c;

        *scale = (add_s ? *scale : 0.0f) + (float) total[n * 2 * c + c + i];
        *shift = (add_s ? *shift : 0.0f) + (float) total[n * 2 * c + i];
      }
  run_rows (ops, &(rows_job) { .rows = rows, .row = s, .dy = dy, .y = dx, .shift = true, .add = add });
}

/* ------------------------------------------------------------------ concat */

typedef struct concat_job
{
  size_t       pixels, ca, cb;
  const float *a, *b, *dy;
  float       *y, *da, *db;
  bool         add_a, add_b;
} concat_job;

static void
join_chunk (void *ctx, size_t tile, int worker)
{
  const concat_job *job = ctx;
  size_t            c   = job->ca + job->cb;
  size_t            end = df_min_size ((tile + 1) * DF_CHUNK, job->pixels);

  (void) worker;
  for (size_t p = tile * DF_CHUNK; p < end; p++)
    {
      memcpy (job->y + p * c, job->a + p * job->ca, job->ca * sizeof *job->y);
      memcpy (job->y + p * c + job->ca, job->b + p * job->cb, job->cb * sizeof *job->y);
    }
}

static void
take_part (const float *from, float *to, size_t n, bool add)
{
  for (size_t i = 0; i < n; i++)
    to[i] = (add ? to[i] : 0.0f) + from[i];
}

static void
split_chunk (void *ctx, size_t tile, int worker)
{
  const concat_job *job = ctx;
  size_t            c   = job->ca + job->cb;
  size_t            end = df_min_size ((tile + 1) * DF_CHUNK, job->pixels);

  (void) worker;
  for (size_t p = tile * DF_CHUNK; p < end; p++)
    {
      take_part (job->dy + p * c, job->da + p * job->ca, job->ca, job->add_a);
      take_part (job->dy + p * c + job->ca, job->db + p * job->cb, job->cb, job->add_b);
    }
}

void
df_concat (const df_ops *ops, size_t pixels, int ca, int cb, const float *a, const float *b, float *y)
{
  concat_job job = { .pixels = pixels, .ca = (size_t) ca, .cb = (size_t) cb, .a = a, .b = b, .y = y };

  df_pool_run (ops->pool, df_chunks (pixels), join_chunk, &job);
}

void
df_concat_backward (const df_ops *ops, size_t pixels, int ca, int cb, const float *dy, float *da, bool add_a,
                    float *db, bool add_b)
{
  concat_job job = { .pixels = pixels, .ca = (size_t) ca, .cb = (size_t) cb, .dy = dy, .da = da, .db = db,
                     .add_a = add_a, .add_b = add_b };

  df_pool_run (ops->pool, df_chunks (pixels), split_chunk, &job);
}
