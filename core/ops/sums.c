/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sums: see sums.h. Scratch: totals, then [batch][chunk][2][channels] partial sums. Chunks are taken from the end: what
 * was written last is still in the cache, and what is read next begins where the sums ended. */
#include "ops/sums.h"

#include <string.h>

typedef struct sums_job
{
  const df_sums    *sums;
  const df_kernels *k;
  double           *partial;
  size_t            chunks;
} sums_job;

size_t
df_sums_scratch (int batch, size_t pixels, int channels)
{
  return 2 * 2 * (size_t) batch * (size_t) channels * (1 + df_chunks (pixels));
}

static void
sum_chunk (void *ctx, size_t turn, int worker)
{
  const sums_job *job   = ctx;
  const df_sums  *s     = job->sums;
  size_t          c     = (size_t) s->channels;
  size_t          tile  = (size_t) s->batch * job->chunks - 1 - turn;
  size_t          image = tile / job->chunks;
  size_t          first = tile % job->chunks * DF_CHUNK;
  size_t          count = df_min_size (DF_CHUNK, s->pixels - first);
  size_t          at    = (image * s->pixels + first) * c, part = s->x2 != NULL ? (size_t) s->first : c;
  double         *s1    = job->partial + tile * 2 * c;

  (void) worker;
  memset (s1, 0, 2 * c * sizeof *s1);
  if (s->dy == NULL)
    job->k->norm_sums (s->x + at / c * part, count, (int) part, s1, s1 + c);
  else
    job->k->back_sums (s->x + at, s->dy + at, count, s->channels, s->scale + image * s->stats,
                       s->shift + image * s->stats, s->silu, s1, s1 + c);
  if (s->x2 != NULL)
    job->k->norm_sums (s->x2 + at / c * (c - part), count, (int) (c - part), s1 + part, s1 + c + part);
}

const double *
df_sums_run (const df_ops *ops, const df_sums *sums)
{
  size_t   c      = 2 * (size_t) sums->channels;
  double  *total  = (double *) (void *) ops->scratch;
  sums_job job    = { sums, ops->k, total + (size_t) sums->batch * c, df_chunks (sums->pixels) };

  df_pool_run (ops->pool, (size_t) sums->batch * job.chunks, sum_chunk, &job);
  memset (total, 0, (size_t) sums->batch * c * sizeof *total);
  for (size_t n = 0; n < (size_t) sums->batch; n++)
    for (size_t chunk = 0; chunk < job.chunks; chunk++)
      for (size_t i = 0; i < c; i++)
        total[n * c + i] += job.partial[(n * job.chunks + chunk) * c + i];
  return total;
}

void
df_row_gradients (const df_ops *ops, int batch, size_t pixels, int channels, const float *dy, float *drow,
                  bool add_row, float *dbias, bool add_bias)
{
  df_sums       sums  = { .batch = batch, .channels = channels, .pixels = pixels, .x = dy };
  const double *total = df_sums_run (ops, &sums);

  for (int c = 0; c < channels; c++)
    {
      double all = 0.0;

      for (int n = 0; n < batch; n++)
        {
          double one = total[2 * (size_t) n * (size_t) channels + (size_t) c];
          size_t at  = (size_t) n * (size_t) channels + (size_t) c;

          all += one;
          if (drow != NULL)
            drow[at] = (add_row ? drow[at] : 0.0f) + (float) one;
        }
      if (dbias != NULL)
        dbias[c] = (add_bias ? dbias[c] : 0.0f) + (float) all;
    }
}
