/* SPDX-License-Identifier: GPL-3.0-or-later */
/* attention: see attention.h. Keys (and, backwards, values) of a head are packed transposed into panels of nr
 * pixels: a_k·b products then run on the same tile kernel as convolutions. Forward tiles are blocks of
 * queries; a backward tile is a whole head, since every block of queries adds to the same dk and dv. */
#include "ops/attention.h"

#include <math.h>
#include <string.h>

#define ROWS 42   /* queries of a block: a multiple of mr, and few enough that the blocks spread evenly */

typedef struct head_job
{
  const df_ops       *ops;
  const df_attention *a;
  const float        *q, *k, *v, *dy;
  float              *y, *dq, *dk, *dv;
  float              *panels;           /* packed keys, then (backward) values, of all heads */
  float              *values;           /* forward: packed values, see pack_values_tile      */
  float              *rows;             /* score rows of each worker                         */
  size_t              packed, blocks;
} head_job;

static const ptrdiff_t no_offset[1] = { 0 };

static size_t
row_floats (const df_kernels *k, const df_attention *a)
{
  return df_panels (k, (int) a->pixels) * (size_t) k->nr + DF_SLACK;
}

static size_t
packed_floats (const df_kernels *k, const df_attention *a)
{
  return row_floats (k, a) * (size_t) a->dim;
}

static size_t
value_floats (const df_kernels *k, const df_attention *a)
{
  return df_panels (k, a->dim) * (size_t) k->nr * a->pixels + DF_SLACK;
}

size_t
df_attention_scratch (const df_kernels *k, const df_attention *a, int threads)
{
  return (size_t) (a->batch * a->heads) * (packed_floats (k, a) + value_floats (k, a)) +
         (size_t) threads * ROWS * row_floats (k, a);
}

size_t
df_attention_back_scratch (const df_kernels *k, const df_attention *a, int threads)
{
  return 2 * ((size_t) (a->batch * a->heads) * packed_floats (k, a) + (size_t) threads * ROWS * row_floats (k, a));
}

static size_t
channels_of (const df_attention *a)
{
  return (size_t) (a->heads * a->dim);
}

static const float *
head_at (const df_attention *a, const float *x, size_t head)
{
  return x + head / (size_t) a->heads * a->pixels * channels_of (a) + head % (size_t) a->heads * (size_t) a->dim;
}

/* One panel of a head as [dim][nr]: the transpose, pixels across. */
static void
pack_tile (void *ctx, size_t tile, int worker)
{
  const head_job     *job    = ctx;
  const df_attention *a      = job->a;
  size_t              nr     = (size_t) job->ops->k->nr, panels = df_panels (job->ops->k, (int) a->pixels), c = channels_of (a);
  size_t              heads  = (size_t) (a->batch * a->heads), head = tile / panels, first = tile % panels * nr;
  const float        *x      = head_at (a, head < heads ? job->k : job->v, head % heads);
  float              *out    = job->panels + head * job->packed + first * (size_t) a->dim;

  (void) worker;
  for (int d = 0; d < a->dim; d++)
    for (size_t n = 0; n < nr; n++)
      *out++ = first + n < a->pixels ? x[(first + n) * c + (size_t) d] : 0.0f;
}

/* One panel of nr channels of a head's values as [pixel][nr]: their rows lie a whole pixel apart, in few sets of the
 * cache. */
static void
pack_values_tile (void *ctx, size_t tile, int worker)
{
  const head_job     *job    = ctx;
  const df_attention *a      = job->a;
  size_t              nr     = (size_t) job->ops->k->nr, panels = df_panels (job->ops->k, a->dim), c = channels_of (a);
  size_t              head   = tile / panels, d = tile % panels * nr, count = df_min_size (nr, (size_t) a->dim - d);
  const float        *x      = head_at (a, job->v, head) + d;
  float              *out    = job->values + head * value_floats (job->ops->k, a) + d * a->pixels;

  (void) worker;
  for (size_t i = 0; i < a->pixels; i++)
    memcpy (out + i * nr, x + i * c, count * sizeof *out);
}

static void
pack (const df_ops *ops, head_job *job, size_t heads)
{
  df_pool_run (ops->pool, heads * df_panels (ops->k, (int) job->a->pixels), pack_tile, job);
}

/* out[m][·] = Σ_d x[m][d]·panels[d][·] for `count` rows of x with stride c: scores or dy·vᵀ. */
static void
times_panels (const head_job *job, const float *x, const float *panels, size_t count, float *out)
{
  const df_kernels *k   = job->ops->k;
  size_t            row = row_floats (k, job->a), c = channels_of (job->a), nr = (size_t) k->nr;

  for (size_t first = 0; first < job->a->pixels; first += nr)
    for (size_t m = 0; m < count; m += (size_t) k->mr)
      {
        const float *a[DF_MAX_MR];
        float       *o[DF_MAX_MR];
        df_tile t = { .m = (int) df_min_size ((size_t) k->mr, count - m), .n = k->nr, .segs = 1, .k = job->a->dim,
                      .a = a, .a_seg = no_offset, .a_k = 1, .b = panels + first * (size_t) job->a->dim,
                      .b_seg = no_offset, .b_k = k->nr, .c = o, .scale = 1.0f };

        for (int i = 0; i < t.m; i++)
          {
            a[i] = x + (m + (size_t) i) * c;
            o[i] = out + (m + (size_t) i) * row + first;
          }
        k->tile (&t);
      }
}

/* Rows of x: row floats apart, panels of nr channels panel floats apart. */
typedef struct rows_of
{
  const float *x;
  size_t       row, panel;
} rows_of;

static rows_of
unpacked (const head_job *job, const float *x)
{
  return (rows_of) { x, channels_of (job->a), (size_t) job->ops->k->nr };
}

/* out[m][0 … dim) (+)= Σ_j s(m, j)·x[j][0 … dim). s(m, j) = s[m·s_m + j·s_j]; rows of out have stride c. */
static void
times_rows (const head_job *job, const float *s, size_t s_m, size_t s_j, size_t count, size_t terms,
            rows_of rows, float *out, bool add)
{
  const df_kernels *k = job->ops->k;
  size_t            c = channels_of (job->a);

  for (int d = 0; d < job->a->dim; d += k->nr)
    for (size_t m = 0; m < count; m += (size_t) k->mr)
      {
        const float *a[DF_MAX_MR];
        float       *o[DF_MAX_MR];
        int          left = job->a->dim - d;
        df_tile t = { .m = (int) df_min_size ((size_t) k->mr, count - m), .n = left < k->nr ? left : k->nr,
                      .segs = 1, .k = (int) terms, .a = a, .a_seg = no_offset, .a_k = (ptrdiff_t) s_j,
                      .b = rows.x + (size_t) (d / k->nr) * rows.panel, .b_seg = no_offset,
                      .b_k = (ptrdiff_t) rows.row, .c = o, .add = add, .scale = 1.0f };

        for (int i = 0; i < t.m; i++)
          {
            a[i] = s + (m + (size_t) i) * s_m;
            o[i] = out + (m + (size_t) i) * c + d;
          }
        k->tile (&t);
      }
}

/* Rows of scores become rows of probabilities. */
static void
softmax_rows (const head_job *job, size_t count, float *rows)
{
  const df_kernels *k     = job->ops->k;
  size_t            row   = row_floats (k, job->a);
  float             scale = 1.0f / sqrtf ((float) job->a->dim);

  for (size_t m = 0; m < count; m++)
    {
      float sum = k->exp_row (rows + m * row, job->a->pixels, scale);

      k->axpy (rows + m * row, 1.0f / sum, rows + m * row, job->a->pixels, false);
    }
}

static void
forward_tile (void *ctx, size_t tile, int worker)
{
  const head_job     *job   = ctx;
  const df_attention *a     = job->a;
  size_t              head  = tile / job->blocks, first = tile % job->blocks * ROWS;
  size_t              count = df_min_size (ROWS, a->pixels - first), c = channels_of (a);
  size_t              row   = row_floats (job->ops->k, a), nr = (size_t) job->ops->k->nr;
  float              *p     = job->rows + (size_t) worker * ROWS * row;

  times_panels (job, head_at (a, job->q, head) + first * c, job->panels + head * job->packed, count, p);
  softmax_rows (job, count, p);
  times_rows (job, p, row, 1, count, a->pixels,
              (rows_of) { job->values + head * value_floats (job->ops->k, a), nr, a->pixels * nr },
              (float *) head_at (a, job->y, head) + first * c, false);
}

void
df_attention_forward (const df_ops *ops, const df_attention *a, const float *q, const float *k,
                      const float *v, float *y)
{
  size_t   heads = (size_t) (a->batch * a->heads);
  head_job job   = { .ops = ops, .a = a, .q = q, .k = k, .v = v, .y = y, .panels = ops->scratch,
                     .packed = packed_floats (ops->k, a), .blocks = (a->pixels + ROWS - 1) / ROWS };

  job.values = job.panels + heads * job.packed;
  job.rows   = job.values + heads * value_floats (ops->k, a);
  pack (ops, &job, heads);
  df_pool_run (ops->pool, heads * df_panels (ops->k, a->dim), pack_values_tile, &job);
  df_pool_run (ops->pool, heads * job.blocks, forward_tile, &job);
}

/* dp → ds = p·(dp - Σ p·dp)/√d, in place. */
static void
softmax_gradient (const head_job *job, size_t count, const float *p, float *dp)
{
  size_t row   = row_floats (job->ops->k, job->a);
  float  scale = 1.0f / sqrtf ((float) job->a->dim);

  for (size_t m = 0; m < count; m++, p += row, dp += row)
    {
      double along = 0.0;

      for (size_t j = 0; j < job->a->pixels; j++)
        along += (double) p[j] * dp[j];
      for (size_t j = 0; j < job->a->pixels; j++)
        dp[j] = p[j] * (dp[j] - (float) along) * scale;
    }
}

static void
backward_tile (void *ctx, size_t head, int worker)
{
  const head_job     *job   = ctx;
  const df_attention *a     = job->a;
  size_t              heads = (size_t) (a->batch * a->heads), c = channels_of (a);
  size_t              row   = row_floats (job->ops->k, a);
  float              *p     = job->rows + (size_t) worker * 2 * ROWS * row, *ds = p + ROWS * row;
  const float        *q = head_at (a, job->q, head), *dy = head_at (a, job->dy, head);

  for (size_t first = 0; first < a->pixels; first += ROWS)
    {
      size_t count = df_min_size (ROWS, a->pixels - first);

      times_panels (job, q + first * c, job->panels + head * job->packed, count, p);
      softmax_rows (job, count, p);
      times_panels (job, dy + first * c, job->panels + (heads + head) * job->packed, count, ds);
      times_rows (job, p, 1, row, a->pixels, count, unpacked (job, dy + first * c), (float *) head_at (a, job->dv, head),
                  first > 0);
      softmax_gradient (job, count, p, ds);
      times_rows (job, ds, row, 1, count, a->pixels, unpacked (job, head_at (a, job->k, head)),
                  (float *) head_at (a, job->dq, head) + first * c, false);
      times_rows (job, ds, 1, row, a->pixels, count, unpacked (job, q + first * c), (float *) head_at (a, job->dk, head),
                  first > 0);
    }
}

void
df_attention_backward (const df_ops *ops, const df_attention *a, const float *q, const float *k,
                       const float *v, const float *dy, float *dq, float *dk, float *dv)
{
  size_t   heads = (size_t) (a->batch * a->heads);
  head_job job   = { .ops = ops, .a = a, .q = q, .k = k, .v = v, .dy = dy, .dq = dq, .dk = dk, .dv = dv,
                     .panels = ops->scratch, .packed = packed_floats (ops->k, a) };

  job.rows = job.panels + 2 * heads * job.packed;
  pack (ops, &job, 2 * heads);
  df_pool_run (ops->pool, heads, backward_tile, &job);
}

static double
reference_score (const df_attention *a, const double *q, const double *k)
{
  double s = 0.0;

  for (int d = 0; d < a->dim; d++)
    s += q[d] * k[d];
  return s / sqrt ((double) a->dim);
}

void
df_attention_reference (const df_attention *a, const double *q, const double *k, const double *v, double *y)
{
  size_t c = channels_of (a);

  for (size_t n = 0; n < (size_t) a->batch; n++)
    for (size_t h = 0; h < (size_t) a->heads; h++)
      for (size_t i = 0; i < a->pixels; i++)
        {
          size_t base = n * a->pixels * c + h * (size_t) a->dim;
          double sum = 0.0;

          for (int d = 0; d < a->dim; d++)
            y[base + i * c + (size_t) d] = 0.0;
          for (size_t j = 0; j < a->pixels; j++)
            {
              double e = exp (reference_score (a, q + base + i * c, k + base + j * c));

              sum += e;
              for (int d = 0; d < a->dim; d++)
                y[base + i * c + (size_t) d] += e * v[base + j * c + (size_t) d];
            }
          for (int d = 0; d < a->dim; d++)
            y[base + i * c + (size_t) d] /= sum;
        }
}
