/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Properties of the noise field: a value belongs to its place in the picture, not to the call that asked for it; its
 * distribution is normal and nothing in it is correlated. Its bits: tests/golden/test_noise.c. */
#include "base/alloc.h"
#include "base/rng.h"

#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SIDE = 256, CHANNELS = 4, COUNT = SIDE * SIDE * CHANNELS };

static float *
fill (df_noise_field field, int width, int height, int channels)
{
  float *out = df_alloc ((size_t) width * (size_t) height * (size_t) channels, sizeof *out);

  assert_non_null (out);
  df_noise_fill (&field, width, height, channels, out);
  return out;
}

static void
a_part_of_the_field_has_its_values (void **state)
{
  df_noise_field field = { .seed = 3, .transition = 2, .origin_x = -4, .origin_y = 11 };
  df_noise_field part  = { .seed = 3, .transition = 2, .origin_x = -1, .origin_y = 13 };
  float         *all = fill (field, 16, 8, 3), *some = fill (part, 5, 4, 3);

  (void) state;
  for (int y = 0; y < 4; y++)
    assert_memory_equal (some + y * 5 * 3, all + ((y + 2) * 16 + 3) * 3, 5 * 3 * sizeof (float));
  df_free (all);
  df_free (some);
}

static void
a_channel_does_not_depend_on_how_many_there_are (void **state)
{
  df_noise_field field = { .seed = 8, .transition = 1 };
  float         *nine = fill (field, 5, 5, 9);

  (void) state;
  for (int channels = 1; channels < 9; channels++)
    {
      float *few = fill (field, 5, 5, channels);

      for (int p = 0; p < 25; p++)
        assert_memory_equal (few + p * channels, nine + p * 9, (size_t) channels * sizeof (float));
      df_free (few);
    }
  df_free (nine);
}

static void
tileable_axes_repeat_with_their_period (void **state)
{
  df_noise_field field = { .seed = 4, .origin_x = -7, .origin_y = 5, .period_x = 6, .period_y = 9 };
  float         *out   = fill (field, 18, 18, 3);
  float         *base  = fill ((df_noise_field) { .seed = 4 }, 6, 9, 3);

  (void) state;
  for (int y = 0; y < 18; y++)
    for (int x = 0; x < 18; x++)
      assert_memory_equal (out + (y * 18 + x) * 3, base + ((y + 5) % 9 * 6 + (x + 5) % 6) * 3, 3 * sizeof (float));
  df_free (out);
  df_free (base);
}

/* Coordinates are two's complement: behind the largest comes the smallest. */
static void
origins_may_be_anything (void **state)
{
  float *over = fill ((df_noise_field) { .seed = 2, .origin_x = INT_MAX, .origin_y = INT_MAX }, 3, 3, 3);
  float *least = fill ((df_noise_field) { .seed = 2, .origin_x = INT_MIN, .origin_y = INT_MIN }, 2, 2, 3);

  (void) state;
  for (int y = 0; y < 2; y++)
    assert_memory_equal (over + ((y + 1) * 3 + 1) * 3, least + y * 2 * 3, 2 * 3 * sizeof (float));
  df_free (over);
  df_free (least);
}

/* Moments of the standard normal distribution, within five standard errors of 262144 values (the quantum of u
 * takes a share below 1e-6 from the tails). */
static void
values_are_standard_normal (void **state)
{
  float *x = fill ((df_noise_field) { .seed = 1, .transition = 3 }, SIDE, SIDE, CHANNELS);
  double sum[5] = { 0 }, worst = 0.0, n = COUNT;
  int    above = 0;

  (void) state;
  for (int i = 0; i < COUNT; i++)
    {
      for (int k = 1; k <= 4; k++)
        sum[k] += pow (x[i], k) / n;
      worst = fmax (worst, fabs ((double) x[i]));
      above += fabs ((double) x[i]) > 1.959963985;
    }
  assert_true (fabs (sum[1]) < 5.0 * sqrt (1.0 / n));
  assert_true (fabs (sum[2] - 1.0) < 5.0 * sqrt (2.0 / n));
  assert_true (fabs (sum[3]) < 5.0 * sqrt (15.0 / n));
  assert_true (fabs (sum[4] - 3.0) < 5.0 * sqrt (96.0 / n));
  assert_true (fabs (above / n - 0.05) < 5.0 * sqrt (0.05 * 0.95 / n));
  assert_true (worst > 4.0 && worst <= sqrt (2.0 * 24.0 * log (2.0)));
  df_free (x);
}

static double
correlation (const float *a, const float *b, int n)
{
  double sum = 0.0;

  for (int i = 0; i < n; i++)
    sum += (double) a[i] * b[i];
  return sum / n;
}

/* Neighbours in x, y, channel, transition and seed; five standard errors. */
static void
neighbours_are_independent (void **state)
{
  df_noise_field field = { .seed = 10, .transition = 5 }, others[4] = { field, field, field, field };
  float         *x = fill (field, SIDE, SIDE, CHANNELS);
  double         limit = 5.0 / sqrt (COUNT);

  (void) state;
  others[0].seed++;
  others[1].transition++;
  others[2].origin_x++;
  others[3].origin_y++;
  for (int i = 0; i < 4; i++)
    {
      float *y = fill (others[i], SIDE, SIDE, CHANNELS);

      assert_true (fabs (correlation (x, y, COUNT)) < limit);
      df_free (y);
    }
  for (int k = 1; k < CHANNELS; k++)     /* within a pixel: cos and sin of one angle, and the two pairs */
    {
      double sum = 0.0;

      for (int p = 0; p < SIDE * SIDE; p++)
        sum += (double) x[p * CHANNELS] * x[p * CHANNELS + k];
      assert_true (fabs (sum / (SIDE * SIDE)) < 5.0 / SIDE);
    }
  df_free (x);
}

/* torch draws a batch in one go: two draws of 16 are one of 32, but two of 8 (the other generator) are not one of 16. */
static void
torch_draws_go_on_where_the_last_ended (void **state)
{
  df_torch_rng one, two;
  float        all[32], halves[32];

  (void) state;
  df_torch_seed (&one, 0);
  df_torch_seed (&two, 0);
  df_torch_randn (&one, all, 32);
  df_torch_randn (&two, halves, 16);
  df_torch_randn (&two, halves + 16, 16);
  assert_memory_equal (all, halves, sizeof all);
  df_torch_seed (&two, 0);
  df_torch_randn (&two, halves, 8);
  df_torch_randn (&two, halves + 8, 8);
  assert_memory_not_equal (all, halves, 16 * sizeof (float));
  df_torch_seed (&two, 1);
  df_torch_randn (&two, halves, 32);
  assert_memory_not_equal (all, halves, sizeof all);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (a_part_of_the_field_has_its_values),
    cmocka_unit_test (a_channel_does_not_depend_on_how_many_there_are),
    cmocka_unit_test (tileable_axes_repeat_with_their_period),
    cmocka_unit_test (origins_may_be_anything),
    cmocka_unit_test (values_are_standard_normal),
    cmocka_unit_test (neighbours_are_independent),
    cmocka_unit_test (torch_draws_go_on_where_the_last_ended),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
