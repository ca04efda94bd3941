/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The noised picture of the dialog: the same numbers as df_noise, each pixel at the level of its selection, and fast enough
 * to follow a slider. argv[1]: the folder of the tiny model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "ui/noised.h"
#include "ui/picture.h"

static const char *model_folder;

static int
open_tiny (void **state)
{
  return df_model_open ((df_model **) state, model_folder, NULL) != DF_OK;
}

static int
close_tiny (void **state)
{
  df_model_close (*state);
  return 0;
}

static noised
new_view (const df_model *model, int side, float selection, df_request *request)
{
  noised n = { .width = side, .height = side, .channels = df_model_describe (model)->channels };

  n.x0   = g_new (float, (gsize) side * side * n.channels);
  n.mask = g_new (float, (gsize) side * side);
  for (gsize i = 0; i < (gsize) side * side * n.channels; i++)
    n.x0[i] = (float) sin (0.37 * (double) i);
  for (gsize i = 0; i < (gsize) side * side; i++)
    n.mask[i] = selection;
  df_request_default (model, request);
  request->origin_x = 17;
  request->origin_y = -5;
  noised_draw (&n, model, request, 7);
  return n;
}

static double
distance (const float *a, const float *b, gsize n)
{
  double worst = 0.0;

  for (gsize i = 0; i < n; i++)
    worst = fmax (worst, fabs ((double) a[i] - b[i]));
  return worst;
}

static void
is_what_the_run_starts_from (void **state)
{
  df_request r;
  noised     n     = new_view (*state, 40, 1.0f, &r);
  gsize      count = (gsize) 40 * 40 * n.channels;
  float     *shown = g_new (float, count), *wanted = g_new (float, count);

  r.width = r.height = 40;
  for (int t = 1; t < 1000; t += 333)
    {
      assert_int_equal (df_noise (*state, &r, t, 7, n.x0, wanted, NULL), DF_OK);
      noised_at (&n, *state, t, shown);
      assert_true (distance (shown, wanted, count) < 1e-5);
    }
  noised_draw (&n, *state, &r, 8);
  noised_at (&n, *state, 667, shown);
  assert_true (distance (shown, wanted, count) > 0.1);
  g_free (shown);
  g_free (wanted);
  noised_clear (&n);
}

/* A half selected pixel is released at half of t + 1 levels; blending mixes the two pictures. */
static void
goes_by_the_selection (void **state)
{
  df_request r;
  noised     n = new_view (*state, 24, 0.2f, &r);       /* 51/255: a value of the table */
  gsize      count = (gsize) 24 * 24 * n.channels;
  float     *shown = g_new (float, count), *wanted = g_new (float, count), *map = g_new (float, 24 * 24);

  r.width = r.height = 24;
  assert_int_equal (df_noise (*state, &r, 99, 7, n.x0, wanted, NULL), DF_OK);
  noised_at (&n, *state, 499, shown);                  /* 0.2 · 500 − 1 = 99 */
  assert_true (distance (shown, wanted, count) < 1e-4);
  noised_map (&n, *state, 499, map);
  assert_true (fabs (map[0] / 2.0 + 0.5 - df_level_at (*state, 99).sqrt_sigma) < 1e-5);
  n.blend = TRUE;
  assert_int_equal (df_noise (*state, &r, 499, 7, n.x0, wanted, NULL), DF_OK);
  for (gsize i = 0; i < count; i++)
    wanted[i] = n.x0[i] + 0.2f * (wanted[i] - n.x0[i]);
  noised_at (&n, *state, 499, shown);
  assert_true (distance (shown, wanted, count) < 1e-5);
  memset (n.mask, 0, 24 * 24 * sizeof (float));
  n.blend = FALSE;
  noised_at (&n, *state, 499, shown);
  assert_true (distance (shown, n.x0, count) == 0.0);
  g_free (shown);
  g_free (wanted);
  g_free (map);
  noised_clear (&n);
}

static void
follows_the_slider (void **state)
{
  df_request r;
  noised     n     = new_view (*state, 512, 1.0f, &r);
  float     *shown = g_new (float, (gsize) 512 * 512 * n.channels);
  double     best  = INFINITY;

  for (int t = 100; t < 900; t += 100)
    {
      gint64     start = g_get_monotonic_time ();
      GdkPixbuf *pixbuf;

      noised_at (&n, *state, t, shown);
      pixbuf = picture_pixbuf (shown, 512, 512, n.channels);
      best   = fmin (best, (double) (g_get_monotonic_time () - start) / 1000.0);
      assert_int_equal (gdk_pixbuf_get_width (pixbuf), PICTURE_SIDE);
      g_object_unref (pixbuf);
    }
  print_message ("512 × 512: %.1f ms from t to the picture\n", best);
  assert_true (best < 50.0);
  g_free (shown);
  noised_clear (&n);
}

int
main (int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (is_what_the_run_starts_from),
    cmocka_unit_test (goes_by_the_selection),
    cmocka_unit_test (follows_the_slider),
  };

  model_folder = argv[1];
  return cmocka_run_group_tests (tests, open_tiny, close_tiny);
}
