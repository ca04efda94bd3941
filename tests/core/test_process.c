/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Around the equations: clip modes, what networks predict, the noise-level edge, levels between whole t, lists of
 * timesteps, words, interpolation on the sphere. */
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

/* ------------------------------------------------------------------ one step */

typedef struct one { float x, output, z, x0, out; } one;

static one
step_of (const df_coefs *c, df_prediction prediction, df_clip clip, float x, float output)
{
  one        o  = { .x = x, .output = output };
  df_step_io io = { .x = &o.x, .output = &o.output, .z = &o.z, .n = 1, .channels = 1, .prediction = prediction, .clip = clip,
                    .clip_range = 1.0, .x0 = &o.x0, .out = &o.out };

  df_step_apply (c, &io);
  return o;
}

static void
clip_modes (void **state)
{
  df_schedule   s    = fixture_schedule (DF_BETA_LINEAR, false);
  df_transition at   = fixture_transition (&s, 500, 480);
  df_coefs      c    = df_ddim_coefs (&at, 0.0, false);
  double        a    = sqrt (at.abar), b = sqrt (1.0 - at.abar), x = 2.0, eps = 0.5, raw = (x - b * eps) / a;
  one           none = step_of (&c, DF_PREDICTION_EPSILON, DF_CLIP_NONE, 2.0f, 0.5f);
  one           clip = step_of (&c, DF_PREDICTION_EPSILON, DF_CLIP_CLIP, 2.0f, 0.5f);
  one           again = step_of (&c, DF_PREDICTION_EPSILON, DF_CLIP_REDERIVE, 2.0f, 0.5f);
  double        ap = sqrt (at.abar_prev), bp = sqrt (1.0 - at.abar_prev);

  (void) state;
  assert_true (raw > 1.5);
  assert_near (none.x0, raw, 1e-5);
  assert_near (none.out, ap * raw + bp * eps, 1e-5);
  assert_true (clip.x0 == 1.0f && again.x0 == 1.0f);
  assert_near (clip.out, ap + bp * eps, 1e-6);
  assert_near (again.out, ap + bp * (x - a) / b, 1e-6);
  assert_true (step_of (&c, DF_PREDICTION_EPSILON, DF_CLIP_CLIP, -2.0f, -0.5f).x0 == -1.0f);
  assert_true (isnan (step_of (&c, DF_PREDICTION_EPSILON, DF_CLIP_CLIP, 0.0f, NAN).x0));
  df_schedule_clear (&s);
}

/* Where ᾱ_{T-1} = 0 a v network still works: nothing is divided by √ᾱ, also with η = 1 (1 - ᾱ_p - σ² dips below 0). */
static void
zero_snr_gives_numbers (void **state)
{
  df_schedule s = fixture_schedule (DF_BETA_LINEAR, true);

  (void) state;
  assert_true (s.alphas_cumprod[T - 1] == 0.0f);
  for (int prev = T - 2; prev >= 0; prev -= 111)
    {
      df_transition at   = fixture_transition (&s, T - 1, prev);
      df_coefs      all[] = { df_ddim_coefs (&at, 0.0, false), df_ddim_coefs (&at, 1.0, false),
                              df_ddim_coefs (&at, 0.0, true), df_ddpm_coefs (&at, DF_VARIANCE_FIXED_SMALL) };

      for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        {
          one o = step_of (&all[i], DF_PREDICTION_V, DF_CLIP_REDERIVE, 0.7f, -0.4f);

          assert_near (o.x0, 0.4, 1e-6);
          assert_true (isfinite (o.out) && isfinite (all[i].noise));
        }
    }
  df_schedule_clear (&s);
}

/* ------------------------------------------------------------------ edge noise-level */

static void
release_follows_the_selection (void **state)
{
  static const int starts[] = { 0, 1, 7, 400, 999 };

  (void) state;
  for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
    for (int steps = 1; steps <= starts[i] + 1; steps = steps * 3 + 1)
      {
        df_timesteps list;

        assert_int_equal (df_timesteps_partial (&list, DF_SPACING_LINEAR, starts[i], steps, NULL), DF_OK);
        for (int k = 0; k < list.count; k++)
          {
            double before = 0.0;

            assert_true (df_release (0.0, starts[i], list.t[k], list.t[k + 1]) == 0.0);
            assert_true (df_release (1.0, starts[i], list.t[k], list.t[k + 1]) == 1.0);
            for (double part = 0.0; part <= 1.0; part += 1.0 / 64)
              {
                double w = df_release (part, starts[i], list.t[k], list.t[k + 1]);

                assert_true (w >= before && w <= 1.0);
                before = w;
              }
          }
        df_timesteps_clear (&list);
      }
  assert_near (df_release (0.5, 999, 599, 399), 0.5, 1e-12);    /* τ = 499: half of this step */
}

/* A known pixel (w = 0) keeps q(x_p | x_0) under every sampler: its noise is σ(β̃) where the sampler's is larger. */
static void
a_known_pixel_keeps_its_marginal (void **state)
{
  df_schedule s = fixture_schedule (DF_BETA_LINEAR, false);

  (void) state;
  for (int t = 50; t < T; t += 50)
    {
      df_transition at   = fixture_transition (&s, t, t - 50);
      df_coefs      all[] = { df_ddpm_coefs (&at, DF_VARIANCE_FIXED_SMALL), df_ddpm_coefs (&at, DF_VARIANCE_FIXED_LARGE),
                              df_ddim_coefs (&at, 0.0, false), df_ddim_coefs (&at, 0.7, false),
                              df_ddim_coefs (&at, 0.0, true) };

      for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        {
          float      x0 = 0.0f, w = 0.0f, z[2] = { 0.0f, 1.0f }, x[2] = { (float) sqrt (1.0 - at.abar), 0.0f };
          float      wild[2] = { 3.0f, -8.0f }, known[2] = { x0, x0 }, both[2] = { w, w }, estimate[2], out[2];
          df_step_io io = { .x = x, .output = wild, .z = z, .known = known, .w = both, .n = 2, .channels = 1,
                            .clip = DF_CLIP_REDERIVE, .clip_range = 1.0, .x0 = estimate, .out = out };

          df_step_apply (&all[i], &io);
          assert_near ((double) out[0] * out[0] + (double) out[1] * out[1], 1.0 - at.abar_prev, 3e-6);
          assert_true (estimate[0] == x0 && estimate[1] == x0);
        }
    }
  df_schedule_clear (&s);
}

enum { RAMP = 1001 };

/* A row of pixels that differ in their selection value alone, denoised by the best network for N (.3, .4²) data:
 * clipped or not, with noise or without. out: the result per selection value. */
static void
denoise_ramp (const df_schedule *s, int steps, df_clip clip, df_coefs (*coefs) (const df_transition *), float *out)
{
  enum { START = 600 };
  float       *x = df_alloc (RAMP, sizeof *x), *y = df_alloc (RAMP, sizeof *y), *z = df_alloc (RAMP, sizeof *z);
  float       *known = df_alloc (RAMP, sizeof *known), *w = df_alloc (RAMP, sizeof *w), *x0 = df_alloc (RAMP, sizeof *x0);
  fixture_rng  rng = { 4 };
  df_timesteps list;

  assert_int_equal (df_timesteps_partial (&list, DF_SPACING_LINEAR, START, steps, NULL), DF_OK);
  for (int i = 0; i < RAMP; i++)
    {
      known[i] = -0.8f;
      z[i]     = 1.1f;
    }
  df_noise_apply (df_schedule_abar (s, START), known, z, RAMP, x);
  for (int k = 0; k < list.count; k++)
    {
      df_transition at = fixture_transition (s, list.t[k], list.t[k + 1]);
      df_coefs      c  = coefs (&at);
      float         noise = (float) (1.7 * fixture_uniform (&rng));
      df_step_io    io = { .x = x, .output = y, .z = z, .known = known, .w = w, .n = RAMP, .channels = 1, .clip = clip,
                           .clip_range = 1.0, .x0 = x0, .out = x };

      for (int i = 0; i < RAMP; i++)
        {
          w[i] = (float) df_release (i / (RAMP - 1.0), START, at.t, at.prev);
          y[i] = (float) (sqrt (1.0 - at.abar) * (x[i] - sqrt (at.abar) * 0.3) / (at.abar * 0.16 + 1.0 - at.abar));
          z[i] = noise;
        }
      df_step_apply (&c, &io);
    }
  memcpy (out, x, RAMP * sizeof *out);
  df_timesteps_clear (&list);
  df_free (x); df_free (y); df_free (z); df_free (known); df_free (w); df_free (x0);
}

static df_coefs ddpm_small (const df_transition *at) { return df_ddpm_coefs (at, DF_VARIANCE_FIXED_SMALL); }
static df_coefs ddpm_large (const df_transition *at) { return df_ddpm_coefs (at, DF_VARIANCE_FIXED_LARGE); }
static df_coefs ddim_0     (const df_transition *at) { return df_ddim_coefs (at, 0.0, false); }
static df_coefs ddim_hat   (const df_transition *at) { return df_ddim_coefs (at, 0.0, true); }

/* From the known picture at s = 0 to the plain result at s = 1 without a jump: no two neighbours of a ramp of 1000
 * differ by more than a few times their share of the way. */
static void
a_ramp_of_selection_has_no_jump (void **state)
{
  static df_coefs (*const samplers[]) (const df_transition *) = { ddim_0, ddpm_small, ddpm_large, ddim_hat };
  df_schedule s   = fixture_schedule (DF_BETA_LINEAR, false);
  float      *out = df_alloc (RAMP, sizeof *out);

  (void) state;
  for (int k = 0; k < 4; k++)
    for (int clip = DF_CLIP_NONE; clip <= DF_CLIP_REDERIVE; clip += 2)
      for (int steps = 5; steps <= 50; steps *= 10)
        {
          double range = 0.0, jump = 0.0;

          denoise_ramp (&s, steps, (df_clip) clip, samplers[k], out);
          assert_true (out[0] == -0.8f);
          for (int i = 1; i < RAMP; i++)
            {
              range = fmax (range, fabs ((double) out[i] - out[0]));
              jump  = fmax (jump, fabs ((double) out[i] - out[i - 1]));
            }
          assert_true (range > 0.2);
          if (jump > 0.02 * range)
            fail_msg ("sampler %d, clip %d, %d steps: jump %.4f of %.4f", k, clip, steps, jump, range);
        }
  df_free (out);
  df_schedule_clear (&s);
}

/* ------------------------------------------------------------------ levels */

static void
levels_between_whole_t_descend (void **state)
{
  (void) state;
  for (int kind = DF_BETA_LINEAR; kind <= DF_BETA_SQUAREDCOS_CAP_V2; kind++)
    {
      df_schedule s      = fixture_schedule ((df_beta_schedule) kind, kind == DF_BETA_LINEAR);
      double      before = 1.0;

      assert_true (df_schedule_abar (&s, -1.0) == 1.0);
      for (double t = -0.75; t <= T - 1; t += 0.25)
        {
          double abar = df_schedule_abar (&s, t);

          assert_true (abar < before && abar >= 0.0);
          before = abar;
        }
      for (int t = 0; t < T; t++)
        {
          assert_true (df_schedule_abar (&s, t) == (double) s.alphas_cumprod[t]);
          assert_int_equal (df_schedule_find (&s, sqrt ((double) s.alphas_cumprod[t])), t);
        }
      assert_int_equal (df_schedule_find (&s, 2.0), 0);
      assert_int_equal (df_schedule_find (&s, -1.0), T - 1);
      df_schedule_clear (&s);
    }
}

/* ------------------------------------------------------------------ timesteps */

static void
assert_descends (const df_timesteps *list, int first)
{
  assert_int_equal (list->t[0], first);
  for (int i = 0; i < list->count; i++)
    assert_true (list->t[i] > list->t[i + 1]);
  assert_int_equal (list->t[list->count], -1);
}

/* Every start and number of steps: as many entries as asked for, from start to the clean picture, none twice. */
static void
partial_lists_descend (void **state)
{
  df_timesteps list;

  (void) state;
  for (int start = 0; start < T; start += start < 12 ? 1 : 97)
    for (int steps = 1; steps <= start + 1; steps += steps < 12 ? 1 : 31)
      for (int quad = 0; quad < 2; quad++)
        {
          assert_int_equal (df_timesteps_partial (&list, quad ? DF_SPACING_QUAD : DF_SPACING_LINEAR, start, steps, NULL),
                            DF_OK);
          assert_int_equal (list.count, steps);
          assert_descends (&list, start);
          df_timesteps_clear (&list);
        }
  assert_int_equal (df_timesteps_partial (&list, DF_SPACING_QUAD, 999, 4, NULL), DF_OK);   /* 1000·(1, 9/16, 1/4, 1/16) */
  assert_int_equal (list.t[1], 561);
  assert_int_equal (list.t[2], 249);
  assert_int_equal (list.t[3], 61);
  df_timesteps_clear (&list);
}

static void
wrong_lists_are_refused_with_the_limits (void **state)
{
  static const int twice[] = { 500, 500, 0 }, rising[] = { 10, 20 }, above[] = { 1000, 0 }, below[] = { 5, -1 };
  df_timesteps     list;
  df_error         err;

  (void) state;
  assert_int_equal (df_timesteps_whole (&list, DF_SPACING_TRAILING, T, 0, 0, &err), DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "1 to 1000"));
  assert_int_equal (df_timesteps_whole (&list, DF_SPACING_TRAILING, T, 1001, 0, &err), DF_ERROR_ARGUMENT);
  assert_int_equal (df_timesteps_whole (&list, DF_SPACING_LEADING, T, 1000, 1, &err), DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "steps_offset"));
  assert_int_equal (df_timesteps_whole (&list, DF_SPACING_LINEAR, T, 5, 0, &err), DF_ERROR_ARGUMENT);
  assert_int_equal (df_timesteps_partial (&list, DF_SPACING_LINEAR, 9, 11, &err), DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "t + 1 (10) at this noise level"));
  assert_int_equal (df_timesteps_partial (&list, DF_SPACING_LINEAR, 9, -1, &err), DF_ERROR_ARGUMENT);
  assert_int_equal (df_timesteps_partial (&list, DF_SPACING_TRAILING, 9, 3, &err), DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "linear or quad"));
  assert_int_equal (df_timesteps_given (&list, twice, 3, T, &err), DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "entry 2 is 500"));
  assert_int_equal (df_timesteps_given (&list, rising, 2, T, &err), DF_ERROR_ARGUMENT);
  assert_int_equal (df_timesteps_given (&list, above, 2, T, &err), DF_ERROR_ARGUMENT);
  assert_int_equal (df_timesteps_given (&list, below, 2, T, &err), DF_ERROR_ARGUMENT);
  assert_int_equal (df_timesteps_given (&list, below, 0, T, &err), DF_ERROR_ARGUMENT);
}

/* ------------------------------------------------------------------ words, slerp */

#define CHECK_WORDS(parse, word, type, last)               \
  do                                                       \
    {                                                      \
      for (int i = 0; i <= last; i++)                      \
        {                                                  \
          type value = (type) (last - i);                  \
                                                           \
          assert_true (parse (word ((type) i), &value));   \
          assert_int_equal (value, i);                     \
        }                                                  \
      type kept = (type) last;                             \
      assert_false (parse ("", &kept));                    \
      assert_false (parse ("DDIM", &kept));                \
      assert_false (parse (NULL, &kept));                  \
      assert_int_equal (kept, last);                       \
    }                                                      \
  while (0)

static void
words_are_read_as_written (void **state)
{
  df_rng rng = DF_RNG_PHILOX;

  (void) state;
  CHECK_WORDS (df_sampler_parse, df_sampler_word, df_sampler, DF_SAMPLER_DDPM);
  CHECK_WORDS (df_spacing_parse, df_spacing_word, df_spacing, DF_SPACING_QUAD);
  CHECK_WORDS (df_variance_parse, df_variance_word, df_variance, DF_VARIANCE_SIGMA_HAT);
  CHECK_WORDS (df_clip_parse, df_clip_word, df_clip, DF_CLIP_REDERIVE);
  assert_true (df_rng_parse ("torch", &rng) && rng == DF_RNG_TORCH);
  assert_true (df_rng_parse ("philox", &rng) && rng == DF_RNG_PHILOX);
  assert_false (df_rng_parse ("mt19937", &rng));
  assert_string_equal (df_spacing_word (DF_SPACING_LINSPACE), "linspace");
  assert_string_equal (df_variance_word (DF_VARIANCE_FIXED_LARGE), "fixed-large");
  assert_string_equal (df_prediction_word (DF_PREDICTION_V), "v_prediction");
}

static double
length_of (const float *x, size_t n)
{
  double sum = 0.0;

  for (size_t i = 0; i < n; i++)
    sum += (double) x[i] * x[i];
  return sqrt (sum);
}

static void
slerp_keeps_to_the_sphere (void **state)
{
  fixture_rng rng = { 11 };
  float      *a = fixture_floats (&rng, 999, 1.7), *b = fixture_floats (&rng, 999, 1.7), out[999];
  double      scale = length_of (a, 999) / length_of (b, 999);

  (void) state;
  for (size_t i = 0; i < 999; i++)     /* equal lengths: a sphere */
    b[i] = (float) (b[i] * scale);
  for (double weight = 0.0; weight <= 1.0; weight += 0.125)
    {
      df_slerp (a, b, weight, 999, out);
      assert_near (length_of (out, 999), length_of (a, 999), 1e-4);
    }
  df_slerp (a, b, 0.0, 999, out);
  for (size_t i = 0; i < 999; i++)
    assert_near (out[i], a[i], 1e-6);
  df_slerp (a, b, 1.0, 999, out);
  for (size_t i = 0; i < 999; i++)
    assert_near (out[i], b[i], 1e-6);
  df_slerp (a, a, 0.3, 999, out);      /* angle 0: linear */
  for (size_t i = 0; i < 999; i++)
    assert_near (out[i], a[i], 1e-6);
  df_slerp ((const float[]) { 1, 0 }, (const float[]) { 0, 1 }, 1.0 / 3.0, 2, out);
  assert_near (out[0], cos (3.14159265358979 / 6.0), 1e-6);
  assert_near (out[1], 0.5, 1e-6);
  df_free (a);
  df_free (b);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (clip_modes),
    cmocka_unit_test (zero_snr_gives_numbers),
    cmocka_unit_test (release_follows_the_selection),
    cmocka_unit_test (a_known_pixel_keeps_its_marginal),
    cmocka_unit_test (a_ramp_of_selection_has_no_jump),
    cmocka_unit_test (levels_between_whole_t_descend),
    cmocka_unit_test (partial_lists_descend),
    cmocka_unit_test (wrong_lists_are_refused_with_the_limits),
    cmocka_unit_test (words_are_read_as_written),
    cmocka_unit_test (slerp_keeps_to_the_sphere),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
