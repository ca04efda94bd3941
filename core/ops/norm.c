/* SPDX-License-Identifier: GPL-3.0-or-later */
/* norm: see norm.h. */
#include "ops/norm.h"

#include "ops/sums.h"

#include <math.h>

typedef struct norm_job
{
  const df_norm    *norm;
  const df_kernels *k;
  const float      *x, *x2, *dy, *stats;
  float            *out;
  const float      *pqr;       /* backward: per image p, q, r [channels] */
  bool              add;
} norm_job;

static size_t
image_stats (const df_norm *norm)
{
  return 2 * ((size_t) norm->channels + (size_t) norm->groups);
}

size_t
df_norm_stats (const df_norm *norm)
{
  return (size_t) norm->batch * image_stats (norm);
}

size_t
df_norm_scratch (const df_norm *norm)
{
  return df_sums_scratch (norm->batch, norm->pixels, norm->channels) +
         3 * (size_t) norm->batch * (size_t) norm->channels;
}

/* From the sums of image n: scale, shift, mean, 1/deviation. */
static void
image_moments (const df_norm *norm, const double *sums, const float *gamma, const float *beta, float *stats)
{
  int     per  = norm->channels / norm->groups;
  double  m    = (double) norm->pixels * per;
  float  *mean = stats + 2 * norm->channels, *rstd = mean + norm->groups;

  for (int g = 0; g < norm->groups; g++)
    {
      double s1 = 0.0, s2 = 0.0, mu, inverse;

      for (int c = g * per; c < (g + 1) * per; c++)
        {
          s1 += sums[c];
          s2 += sums[norm->channels + c];
        }
      mu      = s1 / m;
      inverse = 1.0 / sqrt (fmax (s2 / m - mu * mu, 0.0) + norm->eps);
      mean[g] = (float) mu;
      rstd[g] = (float) inverse;
      for (int c = g * per; c < (g + 1) * per; c++)
        {
          stats[c]                  = (float) (gamma[c] * inverse);
          stats[norm->channels + c] = (float) (beta[c] - mu * gamma[c] * inverse);
        }
    }
}

/* Two sources side by side in y. */
static void
apply_pair (const norm_job *job, size_t pixel, size_t count, const float *scale, float *y)
{
  const df_norm *norm = job->norm;
  size_t         c = (size_t) norm->channels, a = (size_t) norm->first;
  const float   *shift = scale + c;

  job->k->norm_apply (job->x + pixel * a, y, c, count, (int) a, scale, shift, norm->silu);
  job->k->norm_apply (job->x2 + pixel * (c - a), y + a, c, count, (int) (c - a), scale + a, shift + a, norm->silu);
}

static void
apply_chunk (void *ctx, size_t tile, int worker)
{
  const norm_job *job    = ctx;
  const df_norm  *norm   = job->norm;
  size_t          chunks = df_chunks (norm->pixels), c = (size_t) norm->channels;
  size_t          image  = tile / chunks, first = tile % chunks * DF_CHUNK;
  size_t          count  = df_min_size (DF_CHUNK, norm->pixels - first);
  size_t          at     = (image * norm->pixels + first) * c;
  const float    *scale  = job->stats + image * image_stats (norm);
  const float    *p      = job->pqr != NULL ? job->pqr + image * 3 * c : NULL;

  (void) worker;
  if (job->x2 != NULL)
    apply_pair (job, at / c, count, scale, job->out + at);
  else if (job->dy == NULL)
    job->k->norm_apply (job->x + at, job->out + at, c, count, norm->channels, scale, scale + c, norm->silu);
  else
    job->k->norm_back (job->x + at, job->dy + at, job->out + at, count, norm->channels, scale, scale + c,
                       norm->silu, p, p + c, p + 2 * c, job->add);
}

void
df_norm_forward (const df_ops *ops, const df_norm *norm, const float *x, const float *x2, const float *gamma,
                 const float *beta, float *stats, float *y)
{
  df_sums       sums  = { .batch = norm->batch, .channels = norm->channels, .pixels = norm->pixels, .x = x,
                          .x2 = x2, .first = norm->first };
  const double *total = df_sums_run (ops, &sums);
  norm_job      job   = { .norm = norm, .k = ops->k, .x = x, .x2 = x2, .stats = stats, .out = y };

  for (size_t n = 0; n < (size_t) norm->batch; n++)
    image_moments (norm, total + 2 * n * (size_t) norm->channels, gamma, beta, stats + n * image_stats (norm));
  df_pool_run (ops->pool, (size_t) norm->batch * df_chunks (norm->pixels), apply_chunk, &job);
}

/* With x̂ = (x - μ)/σ and dz = gradient by γx̂ + β: dx = (γ·dz - a - x̂·b)/σ, a and b the group means of γ·dz and
 * of γ·dz·x̂; written as p·dz + q·x + r. sums: Σdz and Σdz·x of image n. */
static void
image_gradient (const df_norm *norm, const double *sums, const float *gamma, const float *stats, float *pqr,
                float *dgamma, float *dbeta)
{
  int          n    = norm->channels, per = n / norm->groups;
  double       m    = (double) norm->pixels * per;
  const float *mean = stats + 2 * n, *rstd = mean + norm->groups;

  for (int g = 0; g < norm->groups; g++)
    {
      double a = 0.0, b = 0.0, mu = mean[g], inverse = rstd[g];

      for (int c = g * per; c < (g + 1) * per; c++)
        {
          double along = inverse * (sums[n + c] - mu * sums[c]);   /* Σ dz·x̂ */

          a += gamma[c] * sums[c] / m;
          b += gamma[c] * along / m;
          if (dgamma != NULL)
            dgamma[c] += (float) along;
          if (dbeta != NULL)
            dbeta[c] += (float) sums[c];
        }
      for (int c = g * per; c < (g + 1) * per; c++)
        {
          pqr[c]         = (float) (inverse * gamma[c]);
          pqr[n + c]     = (float) (-inverse * inverse * b);
          pqr[2 * n + c] = (float) (inverse * (inverse * mu * b - a));
        }
    }
}

void
df_norm_backward (const df_ops *ops, const df_norm *norm, const float *x, const float *gamma,
                  const float *stats, const float *dy, float *dx, bool add, float *dgamma, float *dbeta,
                  bool add_params)
{
  size_t        c    = (size_t) norm->channels;
  df_sums       sums = { .batch = norm->batch, .channels = norm->channels, .pixels = norm->pixels, .x = x,
                         .dy = dy, .scale = stats, .shift = stats + c, .stats = image_stats (norm),
                         .silu = norm->silu };
  const double *total = df_sums_run (ops, &sums);
  float        *pqr   = ops->scratch + df_sums_scratch (norm->batch, norm->pixels, norm->channels);
  norm_job      job   = { .norm = norm, .k = ops->k, .x = x, .dy = dy, .stats = stats, .out = dx, .pqr = pqr,
                          .add = add };

  for (size_t i = 0; i < c && !add_params; i++)
    {
      if (dgamma != NULL)
        dgamma[i] = 0.0f;
      if (dbeta != NULL)
        dbeta[i] = 0.0f;
    }
  for (size_t n = 0; n < (size_t) norm->batch; n++)
    image_gradient (norm, total + 2 * n * c, gamma, stats + n * image_stats (norm), pqr + 3 * n * c, dgamma,
                    dbeta);
  if (dx != NULL)
    df_pool_run (ops->pool, (size_t) norm->batch * df_chunks (norm->pixels), apply_chunk, &job);
}

void
df_norm_reference (const df_norm *norm, const double *x, const double *gamma, const double *beta, double *y)
{
  int    per = norm->channels / norm->groups;
  double m   = (double) norm->pixels * per;

  for (int n = 0; n < norm->batch; n++)
    for (int g = 0; g < norm->groups; g++)
      {
        size_t first = (size_t) n * norm->pixels * norm->channels + (size_t) (g * per);
        double mean = 0.0, variance = 0.0;

        for (size_t p = 0; p < norm->pixels; p++)
          for (int c = 0; c < per; c++)
            mean += x[first + p * norm->channels + c] / m;
        for (size_t p = 0; p < norm->pixels; p++)
          for (int c = 0; c < per; c++)
            variance += pow (x[first + p * norm->channels + c] - mean, 2.0) / m;
        for (size_t p = 0; p < norm->pixels; p++)
          for (int c = 0; c < per; c++)
            {
              size_t at = first + p * norm->channels + c;
              double z  = (x[at] - mean) / sqrt (variance + norm->eps) * gamma[g * per + c] + beta[g * per + c];

              y[at] = norm->silu ? z / (1.0 + exp (-z)) : z;
            }
      }
}
