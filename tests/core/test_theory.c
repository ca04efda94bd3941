/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The theory, named after the equations of Ho et al. 2020 (DDPM) and Song et al. 2021 (DDIM): on the step functions as
 * they run, which are linear in x_0, ε and z as long as nothing is clipped. t is diffusers' index, the papers' t - 1. */
#include "base/alloc.h"
#include "fixture.h"
#include "process/schedule.h"
#include "process/step.h"
#include "process/timesteps.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { T = 1000 };

static void
assert_near (double got, double want, double tolerance)
{
  if (!(fabs (got - want) <= tolerance))
    fail_msg ("%.9g is not %.9g (within %.1g)", got, want, tolerance);
}

/* What a network that knows x_0 says of x. */
static float
perfect (df_prediction prediction, double abar, double x0, double x)
{
  double eps = (x - sqrt (abar) * x0) / sqrt (1.0 - abar);

  if (prediction == DF_PREDICTION_SAMPLE)
    return (float) x0;
  return (float) (prediction == DF_PREDICTION_V ? sqrt (abar) * eps - sqrt (1.0 - abar) * x0 : eps);
}

/* One step of one value with a perfect network. */
static double
step_value (const df_coefs *c, const df_transition *at, double x0, double x, double z)
{
  float      in = (float) x, output = perfect (DF_PREDICTION_EPSILON, at->abar, x0, x), noise = (float) z, estimate, out;
  df_step_io io = { .x = &in, .output = &output, .z = &noise, .n = 1, .channels = 1, .clip_range = 1.0, .x0 = &estimate,
                    .out = &out };

  df_step_apply (c, &io);
  return out;
}

/* x_p = mean·x_0 + eps·ε + noise·z for x_t = √ᾱ_t·x_0 + √(1-ᾱ_t)·ε. */
typedef struct marginal { double mean, eps, noise; } marginal;

static marginal
marginal_of (const df_coefs *c, const df_transition *at)
{
  return (marginal) { step_value (c, at, 1.0, sqrt (at->abar), 0.0),
                      step_value (c, at, 0.0, sqrt (1.0 - at->abar), 0.0), step_value (c, at, 0.0, 0.0, 1.0) };
}

/* ------------------------------------------------------------------ Ho 2020 */

/* T one-step noisings (eq. 2) are the closed form (eq. 4): mean and variance are propagated exactly. */
static void
ho_eq_2_repeated_is_eq_4 (void **state)
{
  static const df_beta_schedule kinds[] = { DF_BETA_LINEAR, DF_BETA_SCALED_LINEAR, DF_BETA_SQUAREDCOS_CAP_V2 };

  (void) state;
  for (int k = 0; k < 3; k++)
    {
      df_schedule s    = fixture_schedule (kinds[k], false);
      double      mean = 1.0, variance = 0.0;

      for (int t = 0; t < T; t++)
        {
          float x0[2] = { 1.0f, 0.0f }, z[2] = { 0.0f, 1.0f }, x[2];
          float alpha = 1.0f - s.betas[t];

          mean    *= sqrt ((double) alpha);
          variance = alpha * variance + (1.0 - alpha);
          df_noise_apply (df_schedule_abar (&s, t), x0, z, 2, x);
          assert_near (x[0], mean, 1e-6 * mean + 1e-12);
          assert_near (x[1], sqrt (variance), 2e-6);
        }
      df_schedule_clear (&s);
    }
}

/* The posterior q(x_p | x_t, x_0) by Bayes on a grid: q(x_t | x_p)·q(x_p | x_0), each a plain Gaussian. */
static void
numeric_bayes (double abar, double abar_prev, double x0, double x, double *mean, double *variance)
{
  double alpha = abar / abar_prev, beta = 1.0 - alpha, spread = 1.0 - abar_prev;
  double centre = beta / alpha < spread ? x / sqrt (alpha) : sqrt (abar_prev) * x0;
  double reach = 12.0 * sqrt (fmin (beta / alpha, spread)), sum = 0.0, first = 0.0, second = 0.0;

  for (int i = -20000; i <= 20000; i++)
    {
      double y = centre + reach * i / 20000.0;
      double a = x - sqrt (alpha) * y, b = y - sqrt (abar_prev) * x0;
      double p = exp (-a * a / (2.0 * beta) - b * b / (2.0 * spread));

      sum    += p;
      first  += p * (y - centre);
      second += p * (y - centre) * (y - centre);
    }
  *mean     = centre + first / sum;
  *variance = second / sum - first / sum * (first / sum);
}

/* Eq. 6 and 7: both forms of μ̃_t (by x_0, and by ε as in eq. 11) and β̃_t are what Bayes gives; for single
 * steps and for steps over many t. */
static void
ho_eq_6_and_7_are_bayes (void **state)
{
  static const int pairs[][2] = { { 1, 0 }, { 10, 9 }, { 250, 249 }, { 500, 499 }, { 999, 998 }, { 500, 400 }, { 999, 0 },
                                  { 20, 0 } };
  df_schedule      s = fixture_schedule (DF_BETA_LINEAR, false);

  (void) state;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    {
      df_transition at    = fixture_transition (&s, pairs[i][0], pairs[i][1]);
      df_coefs      c     = df_ddpm_coefs (&at, DF_VARIANCE_FIXED_SMALL);
      double        x0    = 0.7, eps = -0.9, x = sqrt (at.abar) * x0 + sqrt (1.0 - at.abar) * eps, mean, variance;
      double        alpha = at.abar / at.abar_prev, beta = 1.0 - alpha;

      numeric_bayes (at.abar, at.abar_prev, x0, x, &mean, &variance);
      assert_near (c.x0 * x0 + c.x * x, mean, 2e-6);
      assert_near ((x - beta / sqrt (1.0 - at.abar) * eps) / sqrt (alpha), mean, 2e-6);
      /* x̂_0 from ε in float32: an error of x grows by 1/√ᾱ */
      assert_near (step_value (&c, &at, x0, x, 0.0), mean, 4e-6 + 1.2e-7 / sqrt (at.abar));
      assert_near ((double) c.noise * c.noise, variance, 2e-5 * variance);
      c = df_ddpm_coefs (&at, DF_VARIANCE_FIXED_LARGE);
      assert_near ((double) c.noise * c.noise, beta, 1e-6 * beta);
    }
  df_schedule_clear (&s);
}

/* fixed_large is β_t of the table where the step is a single one. */
static void
ho_fixed_large_is_beta (void **state)
{
  df_schedule s = fixture_schedule (DF_BETA_LINEAR, false);

  (void) state;
  for (int t = 1; t < T; t++)
    {
      df_transition at = fixture_transition (&s, t, t - 1);
      df_coefs      c  = df_ddpm_coefs (&at, DF_VARIANCE_FIXED_LARGE);

      /* β is recovered from two float32 ᾱ near 1, each exact to 6e-8 */
      assert_near ((double) c.noise * c.noise, s.betas[t], 2.5e-7);
    }
  df_schedule_clear (&s);
}

/* Algorithm 2, line 3: z = 0 in the last step, which returns x̂_0 itself; after any list, for every variance. */
static void
ho_algorithm_2_last_step_is_the_estimate (void **state)
{
  df_schedule s = fixture_schedule (DF_BETA_LINEAR, false);

  (void) state;
  for (int t = 0; t < T; t += 37)
    {
      df_transition at   = fixture_transition (&s, t, -1);
      df_coefs      all[] = { df_ddpm_coefs (&at, DF_VARIANCE_FIXED_SMALL), df_ddpm_coefs (&at, DF_VARIANCE_FIXED_LARGE),
                              df_ddim_coefs (&at, 0.0, false), df_ddim_coefs (&at, 1.0, false),
                              df_ddim_coefs (&at, 1.0, true), df_sigma_coefs (&at, 0.0) };

      for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        {
          assert_true (all[i].noise == 0.0f && all[i].noise_known == 0.0f);
          assert_true (all[i].x == 0.0f && all[i].eps == 0.0f && all[i].x0 == 1.0f);
        }
    }
  df_schedule_clear (&s);
}

/* diffusers instead adds noise whenever t > 0: σ = .321 for fixed_large and ten trailing steps. */
static void
diffusers_adds_noise_in_the_last_step (void **state)
{
  df_schedule   s  = fixture_schedule (DF_BETA_LINEAR, false);
  df_transition at = fixture_transition (&s, 99, -1);

  (void) state;
  at.compat = true;
  assert_near (df_ddpm_coefs (&at, DF_VARIANCE_FIXED_LARGE).noise, 0.321, 5e-4);
  at.t = 0;
  assert_true (df_ddpm_coefs (&at, DF_VARIANCE_FIXED_LARGE).noise == 0.0f);
  df_schedule_clear (&s);
}

/* ------------------------------------------------------------------ Song 2021 */

/* Eq. 7 and lemma 1: for every σ the step keeps the marginal q(x_p | x_0) = N (√ᾱ_p·x_0, 1-ᾱ_p). */
static void
song_eq_7_keeps_the_marginal_for_five_sigmas (void **state)
{
  static const double parts[]    = { 0.0, 0.25, 0.5, 0.75, 1.0 };
  static const int    pairs[][2] = { { 999, 998 }, { 999, 799 }, { 600, 300 }, { 100, 50 }, { 10, 0 } };
  df_schedule         s = fixture_schedule (DF_BETA_LINEAR, false);

  (void) state;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    for (size_t j = 0; j < sizeof parts / sizeof *parts; j++)
      {
        df_transition at    = fixture_transition (&s, pairs[i][0], pairs[i][1]);
        double        sigma = parts[j] * sqrt (1.0 - at.abar_prev);
        df_coefs      c     = df_sigma_coefs (&at, sigma);
        marginal      m     = marginal_of (&c, &at);

        assert_near (m.noise, sigma, 1e-6);
        assert_near (m.mean, sqrt (at.abar_prev), 4e-6);
        assert_near (m.eps * m.eps + m.noise * m.noise, 1.0 - at.abar_prev, 2e-6);
      }
  df_schedule_clear (&s);
}

/* Eq. 16: σ(η) lies between, σ(1) is √β̃ of the pair; DDPM's own step keeps the marginal too. */
static void
song_eq_16_sigma_of_eta (void **state)
{
  df_schedule s = fixture_schedule (DF_BETA_SQUAREDCOS_CAP_V2, false);

  (void) state;
  for (int t = 20; t < T - 1; t += 49)
    {
      df_transition at   = fixture_transition (&s, t, t - 20);
      df_coefs      ddpm = df_ddpm_coefs (&at, DF_VARIANCE_FIXED_SMALL), half = df_ddim_coefs (&at, 0.5, false);
      df_coefs      one  = df_ddim_coefs (&at, 1.0, false);
      marginal      m    = marginal_of (&ddpm, &at);

      assert_near (one.noise, ddpm.noise, 1e-7);
      assert_near (half.noise, 0.5 * one.noise, 1e-7);
      assert_true (df_ddim_coefs (&at, 0.0, false).noise == 0.0f);
      assert_near (m.mean, sqrt (at.abar_prev), 2e-4 * sqrt (at.abar_prev) + 4e-6);
      assert_near (m.eps * m.eps + m.noise * m.noise, 1.0 - at.abar_prev, 4e-6);
    }
  df_schedule_clear (&s);
}

/* σ̂ (Song 2021, §5): the direction of η = 1, but noise of √(1 - ᾱ_t/ᾱ_p). */
static void
song_sigma_hat_is_noisier_than_its_direction (void **state)
{
  df_schedule   s   = fixture_schedule (DF_BETA_LINEAR, false);
  df_transition at  = fixture_transition (&s, 500, 450);
  df_coefs      hat = df_ddim_coefs (&at, 0.0, true), one = df_ddim_coefs (&at, 1.0, false);

  (void) state;
  assert_true (hat.eps == one.eps && hat.x0 == one.x0 && hat.noise_known == one.noise);
  assert_near (hat.noise, sqrt (1.0 - at.abar / at.abar_prev), 1e-7);
  df_schedule_clear (&s);
}

/* DDIM (η = 1, S = T) is DDPM (fixed_small): the same function of x_t, output and z, in all 1000 steps. */
static void
song_ddim_eta_1_is_ho_ddpm (void **state)
{
  enum { N = 48 };
  df_schedule s   = fixture_schedule (DF_BETA_LINEAR, false);
  fixture_rng rng = { 7 };

  (void) state;
  for (int t = T - 1; t >= 0; t--)
    {
      df_transition at = fixture_transition (&s, t, t - 1);
      float        *x = fixture_floats (&rng, N, 2.0), *y = fixture_floats (&rng, N, 2.0);
      float        *z = fixture_floats (&rng, N, 2.0);
      float         x0[N], a[N], b[N];
      df_step_io    io = { .x = x, .output = y, .z = z, .n = N, .channels = 3, .clip = DF_CLIP_REDERIVE, .clip_range = 1.0,
                           .x0 = x0, .out = a };
      df_coefs      ddim = df_ddim_coefs (&at, 1.0, false), ddpm = df_ddpm_coefs (&at, DF_VARIANCE_FIXED_SMALL);

      df_step_apply (&ddim, &io);
      io.out = b;
      df_step_apply (&ddpm, &io);
      for (int i = 0; i < N; i++)
        assert_near (a[i], b[i], 1e-5);
      df_free (x);
      df_free (y);
      df_free (z);
    }
  df_schedule_clear (&s);
}

/* ------------------------------------------------------------------ whole runs */

typedef df_coefs (*coefs_fn) (const df_transition *at);

static df_coefs ddpm_small (const df_transition *at) { return df_ddpm_coefs (at, DF_VARIANCE_FIXED_SMALL); }
static df_coefs ddpm_large (const df_transition *at) { return df_ddpm_coefs (at, DF_VARIANCE_FIXED_LARGE); }
static df_coefs ddim_0     (const df_transition *at) { return df_ddim_coefs (at, 0.0, false); }
static df_coefs ddim_1     (const df_transition *at) { return df_ddim_coefs (at, 1.0, false); }
static df_coefs ddim_hat   (const df_transition *at) { return df_ddim_coefs (at, 0.0, true); }

static const coefs_fn samplers[] = { ddpm_small, ddpm_large, ddim_0, ddim_1, ddim_hat };
enum { SAMPLERS = sizeof samplers / sizeof *samplers, N = 24 };

/* From x at list.t[0] to the clean picture with a network that knows x0; x becomes the result. */
static void
run_perfect (const df_schedule *s, const df_timesteps *list, coefs_fn coefs, df_prediction prediction, const float *x0,
             float *x)
{
  fixture_rng rng = { 99 };

  for (int i = 0; i < list->count; i++)
    {
      df_transition at = fixture_transition (s, list->t[i], list->t[i + 1]);
      df_coefs      c  = coefs (&at);
      float        *z  = fixture_floats (&rng, N, 1.7), output[N], estimate[N];
      df_step_io    io = { .x = x, .output = output, .z = z, .n = N, .channels = 3, .prediction = prediction,
                           .clip_range = 1.0, .x0 = estimate, .out = x };

      for (int j = 0; j < N; j++)
        output[j] = perfect (prediction, at.abar, x0[j], x[j]);
      df_step_apply (&c, &io);
      df_free (z);
    }
}

/* A network that knows x_0 leads to x_0, whatever the sampler, prediction, list and number of steps. */
static void
a_perfect_network_returns_x0_in_1_2_7_and_50_steps (void **state)
{
  static const int        counts[]   = { 1, 2, 7, 50 };
  static const df_spacing spacings[] = { DF_SPACING_LEADING, DF_SPACING_TRAILING, DF_SPACING_LINSPACE, DF_SPACING_QUAD };
  df_schedule             s   = fixture_schedule (DF_BETA_LINEAR, false);
  fixture_rng             rng = { 5 };
  float                  *x0 = fixture_floats (&rng, N, 1.0), *noise = fixture_floats (&rng, N, 1.7);

  (void) state;
  for (int k = 0; k < SAMPLERS; k++)
    for (int prediction = DF_PREDICTION_EPSILON; prediction <= DF_PREDICTION_SAMPLE; prediction++)
      for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
          {
            df_timesteps list;
            float        x[N];

            assert_int_equal (df_timesteps_whole (&list, spacings[j], T, counts[i], 0, NULL), DF_OK);
            memcpy (x, noise, sizeof x);
            run_perfect (&s, &list, samplers[k], (df_prediction) prediction, x0, x);
            /* from ε alone, x̂_0 at t = 999 is a difference of numbers 1/√ᾱ = 157 times as large */
            for (int n = 0; n < N; n++)
              assert_near (x[n], x0[n], counts[i] == 1 ? 5e-5 : 5e-6);
            df_timesteps_clear (&list);
          }
  df_free (x0);
  df_free (noise);
  df_schedule_clear (&s);
}

/* Data N (m, s²) per value: the best ε̂ is known, and every step is an affine map of x. */
typedef struct affine { double scale, shift; } affine;
static const double data_mean = 0.3, data_deviation = 0.4;

static double
best_epsilon (double abar, double x)
{
  double spread = abar * data_deviation * data_deviation + 1.0 - abar;

  return sqrt (1.0 - abar) * (x - sqrt (abar) * data_mean) / spread;
}

static double
step_best (const df_coefs *c, double abar, double x)
{
  double eps = best_epsilon (abar, x), x0 = (x - sqrt (1.0 - abar) * eps) / sqrt (abar);

  return c->x0 * x0 + c->x * x + c->eps * eps;
}

static affine
affine_of (const df_coefs *c, double abar)
{
  double shift = step_best (c, abar, 0.0);

  return (affine) { step_best (c, abar, 1.0) - shift, shift };
}

/* Every sampler ends in the data's distribution: mean and variance of the result, propagated exactly, in 1000 steps. */
static void
samplers_end_in_the_datas_distribution (void **state)
{
  df_schedule s = fixture_schedule (DF_BETA_LINEAR, false);

  (void) state;
  for (int k = 0; k < SAMPLERS; k++)
    {
      double mean = 0.0, variance = 1.0;

      for (int t = T - 1; t >= 0; t--)
        {
          df_transition at = fixture_transition (&s, t, t - 1);
          df_coefs      c  = samplers[k] (&at);
          affine        a  = affine_of (&c, at.abar);

          mean     = a.scale * mean + a.shift;
          variance = a.scale * a.scale * variance + (double) c.noise * c.noise;
        }
      assert_near (mean, data_mean, 5e-3);
      assert_near (sqrt (variance), data_deviation, 1e-2);
    }
  df_schedule_clear (&s);
}

static affine
chain (affine a, affine first)
{
  return (affine) { a.scale * first.scale, a.scale * first.shift + a.shift };
}

static affine
decode (const df_schedule *s, const df_timesteps *list)
{
  affine all = { 1.0, 0.0 };

  for (int i = 0; i < list->count; i++)
    {
      df_transition at = fixture_transition (s, list->t[i], list->t[i + 1]);
      df_coefs      c  = df_ddim_coefs (&at, 0.0, false);

      all = chain (affine_of (&c, at.abar), all);
    }
  return all;
}

/* The other way: level of p → level of t, the network is asked at t about a sample of level p. */
static affine
encode (const df_schedule *s, const df_timesteps *list)
{
  affine all = { 1.0, 0.0 };

  for (int i = list->count - 1; i >= 0; i--)
    {
      df_transition at = fixture_transition (s, list->t[i + 1], list->t[i]);
      df_coefs      c  = df_ddim_coefs (&at, 0.0, false);
      double        abar = at.abar_prev, y[2];

      for (int x = 0; x < 2; x++)
        {
          double eps = best_epsilon (abar, x), x0 = (x - c.sqrt_1_abar * eps) / c.sqrt_abar;

          y[x] = c.x0 * x0 + c.eps * eps;
        }
      all = chain ((affine) { y[1] - y[0], y[0] }, all);
    }
  return all;
}

/* Song 2021, eq. 13 and 14: DDIM follows an ODE; its error against the exact solution halves when S doubles. */
static void
song_eq_14_error_halves_when_steps_double (void **state)
{
  df_schedule s      = fixture_schedule (DF_BETA_LINEAR, false);
  double      abar   = df_schedule_abar (&s, T - 1), before = 0.0;
  double      spread = sqrt (abar * data_deviation * data_deviation + 1.0 - abar);

  (void) state;
  for (int steps = 25; steps <= 200; steps *= 2)
    {
      df_timesteps list;
      affine       got;
      double       error;

      assert_int_equal (df_timesteps_whole (&list, DF_SPACING_TRAILING, T, steps, 0, NULL), DF_OK);
      got   = decode (&s, &list);
      error = fabs (got.scale - data_deviation / spread);
      if (before > 0.0)
        assert_near (before / error, 2.0, 0.25);
      before = error;
      df_timesteps_clear (&list);
    }
  df_schedule_clear (&s);
}

/* Song 2021, §4.3 and table 2: encoding and decoding return x_0, with an error that falls with S. */
static void
song_table_2_encode_then_decode_returns_x0 (void **state)
{
  df_schedule s      = fixture_schedule (DF_BETA_LINEAR, false);
  double      before = INFINITY;

  (void) state;
  for (int steps = 10; steps <= 1000; steps *= 10)
    {
      df_timesteps list;
      affine       all;
      double       error;

      assert_int_equal (df_timesteps_whole (&list, DF_SPACING_TRAILING, T, steps, 0, NULL), DF_OK);
      all   = chain (decode (&s, &list), encode (&s, &list));
      error = fabs (all.scale - 1.0) + fabs (all.shift);
      assert_true (error < 0.2 * before);
      before = error;
      df_timesteps_clear (&list);
    }
  assert_true (before < 0.01);
  df_schedule_clear (&s);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (ho_eq_2_repeated_is_eq_4),
    cmocka_unit_test (ho_eq_6_and_7_are_bayes),
    cmocka_unit_test (ho_fixed_large_is_beta),
    cmocka_unit_test (ho_algorithm_2_last_step_is_the_estimate),
    cmocka_unit_test (diffusers_adds_noise_in_the_last_step),
    cmocka_unit_test (song_eq_7_keeps_the_marginal_for_five_sigmas),
    cmocka_unit_test (song_eq_16_sigma_of_eta),
    cmocka_unit_test (song_sigma_hat_is_noisier_than_its_direction),
    cmocka_unit_test (song_ddim_eta_1_is_ho_ddpm),
    cmocka_unit_test (a_perfect_network_returns_x0_in_1_2_7_and_50_steps),
    cmocka_unit_test (samplers_end_in_the_datas_distribution),
    cmocka_unit_test (song_eq_14_error_halves_when_steps_double),
    cmocka_unit_test (song_table_2_encode_then_decode_returns_x0),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
