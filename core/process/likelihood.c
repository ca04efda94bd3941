/* SPDX-License-Identifier: GPL-3.0-or-later */
/* likelihood: see likelihood.h. */
#include "process/likelihood.h"

#include "process/step.h"

#include <math.h>

#define HALF_BIN (1.0 / 255.0)

df_bound_level
df_bound_level_at (const df_schedule *s, int t)
{
  df_bound_level l = { .beta = s->betas[t], .abar_prev = 1.0 };
  double         after, next;

  for (int i = 0; i < t; i++)
    l.abar_prev *= 1.0 - s->betas[i];
  l.abar        = l.abar_prev * (1.0 - l.beta);
  l.variance[DF_VARIANCE_FIXED_LARGE] = l.beta;
  l.variance[DF_VARIANCE_FIXED_SMALL] = (1.0 - l.abar_prev) / (1.0 - l.abar) * l.beta;
  if (t > 0)
    return l;
  l.variance[DF_VARIANCE_FIXED_SMALL] = l.beta;
  if (s->T < 2)
    return l;
  next  = s->betas[1];
  after = l.abar * (1.0 - next);
  l.variance[DF_VARIANCE_FIXED_SMALL] = (1.0 - l.abar) / (1.0 - after) * next;
  return l;
}

/* ------------------------------------------------------------------ t ≥ 1 */

/* Of ‖x_0 - x̂_0‖²: the factor of x_0 in μ̃_t (eq. 7), squared, over 2σ² (eq. 8). */
static double
weight_of_x0 (const df_bound_level *l, df_variance variance)
{
  double factor = sqrt (l->abar_prev) * l->beta / (1.0 - l->abar);

  return factor * factor / (2.0 * l->variance[variance]);
}

double
df_bound_weight (const df_bound_level *l, df_variance variance)
{
  return weight_of_x0 (l, variance) * (1.0 - l->abar) / l->abar;
}

double
df_bound_constant (const df_bound_level *l, df_variance variance)
{
  double ratio = l->variance[DF_VARIANCE_FIXED_SMALL] / l->variance[variance];

  return 0.5 * (ratio - 1.0 - log (ratio));
}

double
df_bound_eps_error (const df_bound_level *l, double error)
{
  return error * l->abar / (1.0 - l->abar);
}

double
df_bound_kl (const df_bound_level *l, df_variance variance, double error, size_t n)
{
  return weight_of_x0 (l, variance) * error + (double) n * df_bound_constant (l, variance);
}

/* ------------------------------------------------------------------ what the network says */

/* x̂_0 - x_0 of value i, from the error of what is predicted: x̂_0 itself would lose it to rounding at large t. */
static double
estimate_error (const df_bound_level *l, const df_bound_io *io, size_t i)
{
  double a = sqrt (l->abar), s = sqrt (1.0 - l->abar), x0 = io->x0[i], z = io->noise[i], y = io->output[i], d;

  if (io->prediction == DF_PREDICTION_V)
    d = s * (a * z - s * x0 - y);
  else if (io->prediction == DF_PREDICTION_SAMPLE)
    d = y - x0;
  else
    d = s / a * (z - y);
  return io->clip_range > 0.0 ? fmax (-io->clip_range, fmin (x0 + d, io->clip_range)) - x0 : d;
}

double
df_bound_error (const df_bound_level *l, const df_bound_io *io)
{
  double sum = 0.0;

  for (size_t i = 0; i < io->n; i++)
    {
      double d = estimate_error (l, io, i);

      sum += d * d;
    }
  return sum;
}

/* ------------------------------------------------------------------ the ends */

/* log of the mass of N (0, 1) above z. Where erfc is no longer a normal number: its asymptotic series, whose next
 * term is below 1e-7 of the sum there. */
static double
log_above (double z)
{
  if (z < 30.0)
    return log (0.5 * erfc (z * 0.70710678118654752440));
  return -0.5 * z * z - log (z * 2.50662827463100050242) + log1p ((3.0 / (z * z) - 1.0) / (z * z));
}

/* log of its mass between low < high, either of which may be infinite: taken on the side where it is a tail. */
static double
log_between (double low, double high)
{
  double from = low + high >= 0.0 ? low : -high, to = low + high >= 0.0 ? high : -low;

  return isinf (to) ? log_above (from) : log_above (from) + log1p (-exp (log_above (to) - log_above (from)));
}

double
df_bound_decoder (const df_bound_level *l, df_variance variance, const df_bound_io *io)
{
  double sigma = sqrt (l->variance[variance]), sum = 0.0;

  for (size_t i = 0; i < io->n; i++)
    {
      double d    = estimate_error (l, io, i);
      double low  = io->x0[i] < -1.0 + HALF_BIN ? -INFINITY : (-d - HALF_BIN) / sigma;
      double high = io->x0[i] > 1.0 - HALF_BIN ? INFINITY : (-d + HALF_BIN) / sigma;

      sum -= log_between (low, high);
    }
  return sum;
}

double
df_bound_prior (double abar, const float *x0, size_t n)
{
  double sum = 0.0;

  for (size_t i = 0; i < n; i++)
    sum += 0.5 * (abar * ((double) x0[i] * x0[i] - 1.0) - log1p (-abar));
  return sum;
}

/* ------------------------------------------------------------------ with a network */

/* Noise of its own for every t; torch's stream would begin anew at each. */
static void
noise_at (df_sampler_state *s, uint64_t seed, int t)
{
  df_request philox = s->request;

  philox.rng = DF_RNG_PHILOX;
  df_batch_noise (&philox, s->model->info.channels, seed, (uint32_t) t, NULL, NULL, s->z);
}

df_status
df_bound_measure (df_sampler_state *s, df_evaluator *e, const float *x0, const int *labels, int t, uint64_t seed,
                  const df_progress *progress, df_bound_term *out, df_error *err)
{
  df_bound_level l     = df_bound_level_at (&s->schedule, t);
  df_bound_io    io    = { x0, s->z, s->output, s->n, s->model->scheduler.prediction_type,
                           s->request.clip == DF_CLIP_NONE ? 0.0 : s->request.clip_range };
  double         scale = 1.0 / (double) s->n, error;

  noise_at (s, seed, t);
  df_noise_apply (l.abar, x0, s->z, s->n, s->x);
  for (int i = 0; i < e->rows; i++)
    e->t[i] = t;
  DF_TRY (df_unet_eval (e->unet, s->x, e->t, labels != NULL ? labels : e->labels, progress, s->output, err));
  error = df_bound_error (&l, &io);
  *out  = (df_bound_term) { .t = t, .error = scale * df_bound_eps_error (&l, error) };
  for (int v = DF_VARIANCE_FIXED_SMALL; v <= DF_VARIANCE_FIXED_LARGE; v++)
    {
      double nats = t == 0 ? df_bound_decoder (&l, (df_variance) v, &io) : df_bound_kl (&l, (df_variance) v, error, s->n);

      out->weight[v] = t == 0 ? 0.0 : df_bound_weight (&l, (df_variance) v);
      out->bits[v]   = scale * nats / 0.69314718055994530942;
    }
  return DF_OK;
}
