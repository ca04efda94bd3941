/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the network sees around a selection, and the feather: against brute force and numpy's rules. */
#include "base/alloc.h"
#include "fixture.h"
#include "model/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ------------------------------------------------------------------ mirror */

/* A ball that rolls between 0 and n-1 and turns at the ends. */
static void
mirror_turns_at_the_edge_pixel (void **state)
{
  (void) state;
  for (int n = 1; n < 9; n++)
    {
      int at = 0, step = 1;

      for (int i = 0; i < 60; i++)
        {
          assert_int_equal (df_mirror (i, n), at);
          assert_int_equal (df_mirror (-i, n), at);
          if (n > 1 && (at + step < 0 || at + step >= n))
            step = -step;
          at += n > 1 ? step : 0;
        }
    }
}

/* ------------------------------------------------------------------ canvas */

static df_model
model_of (int native, int multiple)
{
  return (df_model) { .info = { .native_width = native, .native_height = native, .size_multiple = multiple } };
}

/* Along one axis: the selection is inside; a whole number of multiples; beyond the drawable only where the drawable
 * is used up, by less than a multiple; context on both sides, or all there is; not wasteful. */
static void
check_axis (int start, int length, int first, int size, int side, int context, int multiple)
{
  int before = start - first, behind = first + size - (start + length), wanted;

  assert_true (size % multiple == 0 && before >= 0 && behind >= 0 && first >= 0);
  if (first + size > side)
    assert_true (first == 0 && size - side < multiple);
  assert_true (before >= context || first == 0);
  assert_true (behind >= context || first + size >= side);
  wanted = (start < context ? start : context) + length +
           (side - start - length < context ? side - start - length : context);
  assert_true (size < wanted + multiple);
}

static void
canvas_holds_selection_and_context (void **state)
{
  static const int sides[] = { 1, 7, 13, 64, 65, 100, 640, 3001 }, multiples[] = { 1, 4, 8, 32 };
  fixture_rng      rng     = { 3 };

  (void) state;
  for (int round = 0; round < 4000; round++)
    {
      int      native = round % 2 ? 64 : 256, context = native / 2;
      int      multiple = multiples[round % 4], width = sides[round % 8], height = sides[round / 8 % 8];
      df_model model = model_of (native, multiple);
      df_rect  s, c;

      s.x      = (int) (fabs (fixture_uniform (&rng)) * 0.999 * width);
      s.y      = (int) (fabs (fixture_uniform (&rng)) * 0.999 * height);
      s.width  = 1 + (int) (fabs (fixture_uniform (&rng)) * 0.999 * (width - s.x));
      s.height = 1 + (int) (fabs (fixture_uniform (&rng)) * 0.999 * (height - s.y));
      assert_int_equal (df_canvas_around (&model, s, width, height, false, false, &c, NULL), DF_OK);
      check_axis (s.x, s.width, c.x, c.width, width, context, multiple);
      check_axis (s.y, s.height, c.y, c.height, height, context, multiple);
    }
}

static void
canvas_of_a_tiled_axis_is_the_drawable (void **state)
{
  df_model model = model_of (64, 8);
  df_rect  canvas;
  df_error err;

  (void) state;
  assert_int_equal (df_canvas_around (&model, (df_rect) { 100, 100, 10, 10 }, 400, 800, true, false, &canvas, &err), DF_OK);
  assert_true (canvas.x == 0 && canvas.width == 400 && canvas.y == 68 && canvas.height >= 74 && canvas.height <= 80);
  assert_int_equal (df_canvas_around (&model, (df_rect) { 0, 0, 10, 10 }, 400, 801, true, true, &canvas, &err),
                    DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "800 or 808"));
  assert_int_equal (df_canvas_around (&model, (df_rect) { 395, 0, 10, 10 }, 400, 800, false, false, &canvas, &err),
                    DF_ERROR_ARGUMENT);
  assert_int_equal (df_canvas_around (&model, (df_rect) { 0, 0, 0, 10 }, 400, 800, false, false, &canvas, &err),
                    DF_ERROR_ARGUMENT);
}

static void
beyond_the_drawable_pixels_mirror_and_nothing_is_selected (void **state)
{
  const float pixels[] = { 1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60 };   /* 3 × 2, two channels */
  const float mask[]   = { 1, 1, 1, 1, 1, 1 };
  const float row0[]   = { 1, 10, 2, 20, 3, 30, 2, 20 }, row1[] = { 4, 40, 5, 50, 6, 60, 5, 50 };
  const float selected[] = { 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
  float       out[4 * 4 * 2], all[16];

  (void) state;
  df_canvas_fill (pixels, 3, 2, 2, 4, 4, out);
  assert_memory_equal (out, row0, sizeof row0);
  assert_memory_equal (out + 8, row1, sizeof row1);
  assert_memory_equal (out + 16, row0, sizeof row0);
  assert_memory_equal (out + 24, row1, sizeof row1);
  assert_int_equal (df_canvas_mask (mask, 3, 2, 3.0, 4, 4, all, NULL), DF_OK);
  assert_memory_equal (all, selected, sizeof selected);      /* the array's border does not feather */
}

/* ------------------------------------------------------------------ feather */

static double
distance_to_zero (const float *mask, int width, int height, int px, int py)
{
  double best = INFINITY;

  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      if (mask[y * width + x] <= 0.0f)
        best = fmin (best, hypot (x - px, y - py));
  return best;
}

static void
check_feather (const float *mask, int width, int height, double px, double reach)
{
  size_t n   = (size_t) width * (size_t) height;
  float *got = df_alloc (n, sizeof *got);

  memcpy (got, mask, n * sizeof *got);
  assert_int_equal (df_feather (got, width, height, px, NULL), DF_OK);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      {
        double u = reach > 0.0 ? fmin (distance_to_zero (mask, width, height, x, y) / (reach + 1.0), 1.0) : 1.0;
        float  before = mask[y * width + x], after = got[y * width + x];

        assert_true (fabs (after - before * u * u * (3.0 - 2.0 * u)) < 1e-6);
        assert_true (after <= before && (after > 0.0f) == (before > 0.0f));
      }
  df_free (got);
}

/* Random blobs of every density, thin and wide arrays: Felzenszwalb's distances are exact. */
static void
feather_is_by_exact_distance (void **state)
{
  static const int sizes[][2] = { { 1, 1 }, { 1, 17 }, { 23, 1 }, { 37, 23 }, { 16, 40 } };
  fixture_rng      rng        = { 8 };

  (void) state;
  for (size_t i = 0; i < 5; i++)
    for (double density = 0.0; density <= 1.01; density += 0.0625)
      {
        int    width = sizes[i][0], height = sizes[i][1];
        float *mask = df_alloc ((size_t) (width * height), sizeof *mask);

        for (int p = 0; p < width * height; p++)
          mask[p] = fixture_uniform (&rng) * 0.5 + 0.5 < density ? 1.0f : 0.0f;
        check_feather (mask, width, height, -1.0, 3.0);       /* hard: 3 by default */
        check_feather (mask, width, height, 0.0, 0.0);
        check_feather (mask, width, height, 2.5, 2.5);
        check_feather (mask, width, height, 100.0, 100.0);
        df_free (mask);
      }
}

static void
a_soft_selection_is_left_as_it_is (void **state)
{
  float mask[] = { 0, 0.25f, 1, 1, 1, 1, 0 };

  (void) state;
  check_feather (mask, 7, 1, -1.0, 0.0);
  check_feather (mask, 7, 1, 2.0, 2.0);
}

static void
feather_without_memory_says_so (void **state)
{
  float mask[] = { 0, 1, 1, 1, 1 };

  (void) state;
  for (long nth = 1; nth <= 5; nth++)
    {
      (void) df_alloc_fail_at (nth);
      assert_int_equal (df_feather (mask, 5, 1, 2.0, NULL), DF_ERROR_MEMORY);
    }
  assert_true (mask[1] == 1.0f);
  (void) df_alloc_fail_at (0);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (mirror_turns_at_the_edge_pixel),
    cmocka_unit_test (canvas_holds_selection_and_context),
    cmocka_unit_test (canvas_of_a_tiled_axis_is_the_drawable),
    cmocka_unit_test (beyond_the_drawable_pixels_mirror_and_nothing_is_selected),
    cmocka_unit_test (feather_is_by_exact_distance),
    cmocka_unit_test (a_soft_selection_is_left_as_it_is),
    cmocka_unit_test (feather_without_memory_says_so),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
