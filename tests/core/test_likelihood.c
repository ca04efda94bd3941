/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The terms of the bound where everything is known: data N (m, s²), whose best ε̂ is known, so that each KL has a closed
 * form, and their sum cannot be below the entropy of the data; against the step functions that samplers run; and the
 * decoder against the integral that defines it. */
#include "base/alloc.h"
#include "fixture.h"
#include "process/likelihood.h"
#include "process/step.h"
#include "train/trainer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { T = 1000, SMALL = DF_VARIANCE_FIXED_SMALL, LARGE = DF_VARIANCE_FIXED_LARGE };

static const double        mean = 0.1, deviation = 0.2;
static const df_variance   variances[]   = { DF_VARIANCE_FIXED_SMALL, DF_VARIANCE_FIXED_LARGE };
static const df_prediction predictions[] = { DF_PREDICTION_EPSILON, DF_PREDICTION_V, DF_PREDICTION_SAMPLE };

static void
assert_near (double got, double want, double tolerance)
{
  if (!(fabs (got - want) <= tolerance))
    fail_msg ("%.12g is not %.12g (within %.1g)", got, want, tolerance);
}

/* The best network for data N (mean, deviation²): E[ε|x], as what is predicted. */
static float
best (const df_bound_level *l, df_prediction prediction, double x0, double z)
{
  double a = sqrt (l->abar), s = sqrt (1.0 - l->abar), x = a * x0 + s * z;
  double eps = s * (x - a * mean) / (l->abar * deviation * deviation + s * s), estimate = (x - s * eps) / a;

  if (prediction == DF_PREDICTION_SAMPLE)
    return (float) estimate;
  return (float) (prediction == DF_PREDICTION_V ? a * eps - s * estimate : eps);
}

/* Four values of (x_0, ε) that have the means, variances and covariance of all: enough for what is quadratic in them. */
typedef struct quartet { float x0[4], z[4], output[4]; } quartet;

static df_bound_io
best_of_four (quartet *q, const df_bound_level *l, df_prediction prediction)
{
  for (int i = 0; i < 4; i++)
    {
      q->x0[i]     = (float) (i < 2 ? mean - deviation : mean + deviation);
      q->z[i]      = i % 2 == 0 ? -1.0f : 1.0f;
      q->output[i] = best (l, prediction, q->x0[i], q->z[i]);
    }
  return (df_bound_io) { q->x0, q->z, q->output, 4, prediction, 0.0 };
}

/* Var (ε|x), which is all that the best network is wrong by. */
static double
best_error (const df_bound_level *l)
{
  double signal = l->abar * deviation * deviation;

  return signal / (signal + 1.0 - l->abar);
}

static double
kl_of_gaussians (double m1, double v1, double m2, double v2)
{
  return 0.5 * (log (v2 / v1) + (v1 + (m1 - m2) * (m1 - m2)) / v2 - 1.0);
}

/* Eq. 12: E L_{t-1} = β²/(2σ²α(1-ᾱ))·E‖ε-ε̂‖², and with σ² = β what two variances differ by on top; whatever is
 * predicted, with levels from the table itself. */
static void
ho_eq_12_kl_of_a_gaussian (void **state)
{
  df_schedule s    = fixture_schedule (DF_BETA_LINEAR, false);
  double      abar = 1.0;

  (void) state;
  for (int t = 0; t < T; t++)
    {
      df_bound_level l      = df_bound_level_at (&s, t);
      double         before = abar, beta = s.betas[t], tilde;

      abar *= 1.0 - beta;
      tilde = (1.0 - before) / (1.0 - abar) * beta;
      assert_near (l.abar, abar, 1e-12);
      for (int k = 0; t > 0 && k < 3; k++)
        {
          quartet     q;
          df_bound_io io    = best_of_four (&q, &l, predictions[k]);
          double      error = df_bound_error (&l, &io);

          /* the output is float32, and x̂_0 from ε is 1/√ᾱ times as coarse */
          assert_near (df_bound_eps_error (&l, error) / 4.0, best_error (&l),
                       3e-6 * best_error (&l) + 1e-6 * sqrt (best_error (&l)));
          error = 4.0 * best_error (&l) * (1.0 - l.abar) / l.abar;
          for (int v = 0; v < 2; v++)
            {
              double sigma2 = v == SMALL ? tilde : beta;
              double want   = beta * beta / (2.0 * sigma2 * (1.0 - beta) * (1.0 - abar)) * best_error (&l)
                              + kl_of_gaussians (0.0, tilde, 0.0, sigma2);

              assert_near (df_bound_kl (&l, variances[v], error, 4) / 4.0, want, 1e-9 * want + 1e-15);
            }
        }
    }
  df_schedule_clear (&s);
}

/* Eq. 8: the same as the KL between the Gaussians that the sampler's own coefficients describe. */
static void
ho_eq_8_kl_of_the_samplers_step (void **state)
{
  df_schedule s = fixture_schedule (DF_BETA_SQUAREDCOS_CAP_V2, false);
  const float x0 = 0.6f, z = -1.3f, output = -0.8f;

  (void) state;
  for (int t = 1; t < T - 1; t += 7)
    {
      df_bound_level l  = df_bound_level_at (&s, t);
      df_transition  at = { .t = t, .prev = t - 1, .abar = l.abar, .abar_prev = l.abar_prev };
      df_bound_io    io = { &x0, &z, &output, 1, DF_PREDICTION_EPSILON, 0.0 };
      double         x = sqrt (l.abar) * x0 + sqrt (1.0 - l.abar) * z;
      double         estimate = (x - sqrt (1.0 - l.abar) * output) / sqrt (l.abar);

      for (int v = 0; v < 2; v++)
        {
          df_coefs c    = df_ddpm_coefs (&at, variances[v]);
          double   q    = (double) c.noise_known * c.noise_known, p = (double) c.noise * c.noise;
          double   want = kl_of_gaussians (c.x0 * (double) x0 + c.x * x, q, c.x0 * estimate + c.x * x, p);

          assert_near (df_bound_kl (&l, variances[v], df_bound_error (&l, &io), 1), want, 2e-6 * want + 1e-6);
        }
    }
  df_schedule_clear (&s);
}

/* Eq. 12 and 14: the trainer's L_simple is the error alone, with weight 1 instead of the bound's, which are largest
 * where there is little noise. */
static void
ho_eq_14_is_the_bound_without_weights (void **state)
{
  df_schedule s   = fixture_schedule (DF_BETA_LINEAR, false);
  fixture_rng rng = { 3 };
  float      *x0 = fixture_floats (&rng, 12, 1.0), *z = fixture_floats (&rng, 12, 1.7);
  float      *y = fixture_floats (&rng, 12, 1.7), dy[12];
  double      before = INFINITY;

  (void) state;
  for (int t = 1; t < T; t += 31)
    {
      df_bound_level l     = df_bound_level_at (&s, t);
      df_bound_io    io    = { x0, z, y, 12, DF_PREDICTION_EPSILON, 0.0 };
      double         when  = t, weight = df_bound_weight (&l, DF_VARIANCE_FIXED_SMALL), error = df_bound_error (&l, &io);
      df_batch       batch = { .rows = 1, .width = 2, .height = 2, .x0 = x0, .noise = z, .t = &when };
      double         loss  = df_loss_gradient (&s, DF_PREDICTION_EPSILON, 0.0, &batch, 12, y, dy);

      assert_near (df_bound_eps_error (&l, error) / 12.0, loss, 1e-6 * loss);
      assert_near (df_bound_kl (&l, DF_VARIANCE_FIXED_SMALL, error, 12) / 12.0, weight * loss, 1e-6 * weight * loss);
      assert_true (t > 200 || weight < before);
      before = weight;
    }
  df_free (x0);
  df_free (z);
  df_free (y);
  df_schedule_clear (&s);
}

/* L_T is the KL of q (x_T|x_0) to N (0, 1); with no signal left it is 0. */
static void
the_prior_is_a_kl (void **state)
{
  static const float x0[] = { -1.0f, 0.25f, 0.9f };

  (void) state;
  for (double abar = 0.9; abar > 1e-5; abar *= 0.3)
    {
      double want = 0.0;

      for (int i = 0; i < 3; i++)
        want += kl_of_gaussians (sqrt (abar) * x0[i], 1.0 - abar, 0.0, 1.0);
      assert_near (df_bound_prior (abar, x0, 3), want, 1e-12);
    }
  assert_true (df_bound_prior (0.0, x0, 3) == 0.0);
}

/* ------------------------------------------------------------------ the decoder */

/* -log of the integral of N (centre, σ²) over a bin, by Simpson's rule. */
static double
integrated (double centre, double sigma, double from, double to)
{
  enum { PARTS = 2000 };
  double sum = 0.0, width = (to - from) / PARTS;

  for (int i = 0; i <= PARTS; i++)
    {
      double z = (from + i * width - centre) / sigma;

      sum += (i == 0 || i == PARTS ? 1.0 : i % 2 == 1 ? 4.0 : 2.0) * exp (-0.5 * z * z);
    }
  return -log (sum * width / 3.0 / (sigma * sqrt (2.0 * 3.14159265358979323846)));
}

/* A network at t = 0 whose x̂_0 is `estimate`. */
static double
decoded (const df_bound_level *l, df_variance variance, float x0, float estimate)
{
  float       z  = 0.5f;
  df_bound_io io = { &x0, &z, &estimate, 1, DF_PREDICTION_SAMPLE, 0.0 };

  return df_bound_decoder (l, variance, &io);
}

/* Eq. 13, near the mean and in either tail, as far as the integral is a number. */
static void
ho_eq_13_is_the_integral (void **state)
{
  df_schedule    s = fixture_schedule (DF_BETA_LINEAR, false);
  df_bound_level l = df_bound_level_at (&s, 0);

  (void) state;
  for (int v = 0; v < 2; v++)
    for (int i = -25; i <= 25; i++)
      {
        double sigma = sqrt (l.variance[v]);
        float  x0 = (float) (140 / 127.5 - 1.0), estimate = (float) (x0 + i * sigma);
        double want = integrated (estimate, sigma, x0 - 1.0 / 255.0, x0 + 1.0 / 255.0);

        assert_near (decoded (&l, variances[v], x0, estimate), want, 1e-8 * want + 1e-9);
      }
  df_schedule_clear (&s);
}

/* -log of the mass of N (0, 1) above z, by Laplace's continued fraction of Mills' ratio. */
static double
above (double z)
{
  double fraction = z;

  for (int k = 200; k > 0; k--)
    fraction = z + k / fraction;
  return 0.5 * z * z + log (fraction * sqrt (2.0 * 3.14159265358979323846));
}

/* Where the mass is below the smallest double, its log is still right; the bin's far end does not count there. */
static void
the_decoder_in_the_far_tail (void **state)
{
  df_schedule    s     = fixture_schedule (DF_BETA_LINEAR, false);
  df_bound_level l     = df_bound_level_at (&s, 0);
  double         sigma = sqrt (l.variance[LARGE]), before = 0.0;

  (void) state;
  for (int i = 1; i <= 200; i++)
    {
      float  gap = (float) (0.01 * i);
      double z = (gap - 1.0 / 255.0) / sigma, got = decoded (&l, DF_VARIANCE_FIXED_LARGE, 0.0f, gap);

      assert_true (isfinite (got) && got > before);
      assert_near (decoded (&l, DF_VARIANCE_FIXED_LARGE, 0.0f, -gap), got, 1e-12 * got);
      if (z > 25.0)
        assert_near (got, above (z), 1e-7);
      before = got;
    }
  df_schedule_clear (&s);
}

/* The masses of all 256 values are 1, wherever the mean is: the bins at the ends reach to infinity. */
static void
the_decoder_is_a_distribution (void **state)
{
  static const float estimates[] = { -1.4f, -1.0f, -0.331f, 0.0f, 0.72f, 0.999f, 1.1f };
  df_schedule        s = fixture_schedule (DF_BETA_LINEAR, false);
  df_bound_level     l = df_bound_level_at (&s, 0);

  (void) state;
  for (size_t i = 0; i < sizeof estimates / sizeof *estimates; i++)
    for (int v = 0; v < 2; v++)
      {
        double sum = 0.0;

        for (int k = 0; k < 256; k++)
          sum += exp (-decoded (&l, variances[v], (float) (k / 127.5 - 1.0), estimates[i]));
        assert_near (sum, 1.0, 2e-5);     /* x_0 is float32 */
      }
  df_schedule_clear (&s);
}

/* β̃_0 is 0: L_0 is taken with the next one, β_0 stays. x̂_0 is clipped on request, in every term. */
static void
first_variance_and_clipping (void **state)
{
  df_schedule    s  = fixture_schedule (DF_BETA_LINEAR, false);
  df_bound_level l = df_bound_level_at (&s, 0), next = df_bound_level_at (&s, 1);
  const float    x0 = 0.5f, z = 0.0f, output = 3.0f;
  df_bound_io    io = { &x0, &z, &output, 1, DF_PREDICTION_SAMPLE, 1.0 };

  (void) state;
  assert_true (l.abar_prev == 1.0 && l.variance[LARGE] == l.beta);
  assert_near (l.variance[SMALL], next.variance[SMALL], 1e-16);
  assert_near (df_bound_error (&next, &io), 0.25, 1e-12);
  assert_near (df_bound_decoder (&l, DF_VARIANCE_FIXED_LARGE, &io), decoded (&l, DF_VARIANCE_FIXED_LARGE, x0, 1.0f), 1e-9);
  io.clip_range = 0.0;
  assert_near (df_bound_error (&next, &io), 6.25, 1e-12);
  df_schedule_clear (&s);
}

/* ------------------------------------------------------------------ the whole */

/* E L_0 for 8-bit data that are N (mean, deviation²) but for their grid: over all values and a grid of ε. */
static double
expected_decoder (const df_bound_level *l, df_variance variance, double *entropy)
{
  double sum = 0.0, all = 0.0;

  *entropy = 0.0;
  for (int k = 0; k < 256; k++)
    {
      float  x0 = (float) (k / 127.5 - 1.0);
      double u = (x0 - mean) / deviation;
      double p = exp (-0.5 * u * u) * (2.0 / 255.0) / (deviation * sqrt (2.0 * 3.14159265358979323846));

      *entropy -= p * log (p);
      for (int i = -60; i <= 60; i++)
        {
          float       z = (float) i / 10.0f, output = best (l, DF_PREDICTION_EPSILON, x0, z);
          df_bound_io io = { &x0, &z, &output, 1, DF_PREDICTION_EPSILON, 0.0 };
          double      w = p * exp (-0.5 * z * z);

          sum += w * df_bound_decoder (l, variance, &io);
          all += w;
        }
    }
  return sum / all;
}

/* E KL (q (x_p|x_t) ‖ p_θ) of the best network: its mean is right, its variance is not what is left, which is β̃ and what
 * x_t does not tell of x_0. The decoder's bins make its own variance larger by their width²/12 (Sheppard's correction). */
static double
excess (const df_bound_level *l, df_variance variance)
{
  double noise = 1.0 - l->abar, spread = deviation * deviation, factor = sqrt (l->abar_prev) * l->beta / noise;
  double left  = (1.0 - l->abar_prev) / noise * l->beta + factor * factor * spread * noise / (l->abar * spread + noise);

  double bins  = l->abar_prev == 1.0 ? 4.0 / (255.0 * 255.0 * 12.0) : 0.0;

  return kl_of_gaussians (0.0, left, 0.0, l->variance[variance] + bins);
}

/* Eq. 5: L_T + Σ L_{t-1} + L_0 of the best network is the entropy of the data, and above it by what the shape of the
 * reverse steps and of the prior loses: term by term another way to the same sum. β is nearly free of loss (§3.2). */
static void
ho_eq_5_is_the_entropy_and_what_is_lost (void **state)
{
  df_schedule s = fixture_schedule (DF_BETA_LINEAR, false);

  (void) state;
  for (int v = 0; v < 2; v++)
    {
      quartet        q;
      df_bound_level l;
      double         total = 0.0, lost = 0.0, entropy;

      for (int t = 0; t < T; t++)
        {
          df_bound_io io;

          l      = df_bound_level_at (&s, t);
          io     = best_of_four (&q, &l, DF_PREDICTION_EPSILON);
          lost  += excess (&l, variances[v]);
          total += t == 0 ? expected_decoder (&l, variances[v], &entropy)
                          : df_bound_kl (&l, variances[v], df_bound_error (&l, &io), 4) / 4.0;
        }
      total += df_bound_prior (l.abar, q.x0, 4) / 4.0;
      lost  += kl_of_gaussians (sqrt (l.abar) * mean, l.abar * deviation * deviation + 1.0 - l.abar, 0.0, 1.0);
      assert_near (total, entropy + lost, 1e-3);
      assert_true (v == SMALL ? lost > 0.3 : lost < 0.05);
      assert_true (total > entropy);
    }
  df_schedule_clear (&s);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (ho_eq_12_kl_of_a_gaussian),
    cmocka_unit_test (ho_eq_8_kl_of_the_samplers_step),
    cmocka_unit_test (ho_eq_14_is_the_bound_without_weights),
    cmocka_unit_test (the_prior_is_a_kl),
    cmocka_unit_test (ho_eq_13_is_the_integral),
    cmocka_unit_test (the_decoder_in_the_far_tail),
    cmocka_unit_test (the_decoder_is_a_distribution),
    cmocka_unit_test (first_variance_and_clipping),
    cmocka_unit_test (ho_eq_5_is_the_entropy_and_what_is_lost),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
