/* SPDX-License-Identifier: GPL-3.0-or-later */
/* schedule: see schedule.h. Sources: diffusers scheduling_ddpm.py (β, rescaling), torch's linspace (both ends in
 * float32, counted from the nearer one) and cumprod (accumulated in double, stored as float). */
#include "process/schedule.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

static float
linspace_at (float a, float b, int n, int i)
{
  float step = (b - a) / (float) (n - 1);

  return i < n / 2 ? a + step * (float) i : b - step * (float) (n - 1 - i);
}

/* f of Nichol & Dhariwal 2021, eq. 17. */
static double
cosine_at (double u)
{
  double c = cos ((u + 0.008) / 1.008 * 3.14159265358979323846 / 2.0);

  return c * c;
}

static float
beta_at (const df_scheduler_config *c, int i)
{
  int   T = c->num_train_timesteps;
  float root;

  switch (c->beta_schedule)
    {
    case DF_BETA_TRAINED:
      return c->trained_betas[i];
    case DF_BETA_SCALED_LINEAR:
      root = linspace_at ((float) sqrt (c->beta_start), (float) sqrt (c->beta_end), T, i);
      return root * root;
    case DF_BETA_SQUAREDCOS_CAP_V2:
      return (float) fmin (1.0 - cosine_at ((i + 1) / (double) T) / cosine_at (i / (double) T), 0.999);
    default:
      return linspace_at ((float) c->beta_start, (float) c->beta_end, T, i);
    }
}

static void
accumulate (df_schedule *s)
{
  double product = 1.0;

  for (int i = 0; i < s->T; i++)
    {
      product *= (double) (1.0f - s->betas[i]);
      s->alphas_cumprod[i] = (float) product;
    }
}

/* Lin et al. 2023, algorithm 1: √ᾱ shifted to 0 at T-1 and scaled to keep its first value. */
static void
rescale_to_zero_snr (df_schedule *s)
{
  float first = sqrtf (s->alphas_cumprod[0]), last = sqrtf (s->alphas_cumprod[s->T - 1]), before = 1.0f;

  for (int i = 0; i < s->T; i++)
    {
      float root = (sqrtf (s->alphas_cumprod[i]) - last) * (first / (first - last));
      float abar = root * root;

      s->betas[i] = 1.0f - (i == 0 ? abar : abar / before);
      before      = abar;
    }
  accumulate (s);
}

df_status
df_schedule_init (df_schedule *out, const df_scheduler_config *config, df_error *err)
{
  int T = config->num_train_timesteps;

  *out = (df_schedule) { T, df_alloc ((size_t) T, sizeof (float)), df_alloc ((size_t) T, sizeof (float)) };
  if (out->betas == NULL || out->alphas_cumprod == NULL)
    {
      df_schedule_clear (out);
      return df_fail (err, DF_ERROR_MEMORY, "Out of memory for the noise schedule.");
    }
  for (int i = 0; i < T; i++)
    out->betas[i] = beta_at (config, i);
  accumulate (out);
  if (config->rescale_betas_zero_snr)
    rescale_to_zero_snr (out);
  return DF_OK;
}

void
df_schedule_clear (df_schedule *schedule)
{
  df_free (schedule->betas);
  df_free (schedule->alphas_cumprod);
  memset (schedule, 0, sizeof *schedule);
}

static double
log_snr (double abar)
{
  return log (abar / (1.0 - abar));
}

double
df_schedule_abar (const df_schedule *s, double t)
{
  int    low  = (int) floor (t);
  double part = t - low, a, b;

  if (t <= -1.0)
    return 1.0;
  if (low >= s->T - 1)
    return s->alphas_cumprod[s->T - 1];
  a = low < 0 ? 1.0 : (double) s->alphas_cumprod[low];
  b = s->alphas_cumprod[low + 1];
  if (part == 0.0)
    return a;
  if (low < 0 || b <= 0.0)
    return a + part * (b - a);
  return 1.0 / (1.0 + exp (-(log_snr (a) + part * (log_snr (b) - log_snr (a)))));
}

int
df_schedule_find (const df_schedule *s, double sqrt_alpha)
{
  int best = 0;

  for (int t = 1; t < s->T; t++)
    if (fabs (sqrt ((double) s->alphas_cumprod[t]) - sqrt_alpha) <
        fabs (sqrt ((double) s->alphas_cumprod[best]) - sqrt_alpha))
      best = t;
  return best;
}
