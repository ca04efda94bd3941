/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Textons: what is kept of a picture, the Gaussian texture that is made from it, the lattice of a strict pattern, and runs
 * that start there. */
#include "fixture.h"
#include "scratch.h"

#include "base/alloc.h"
#include "process/repeats.h"
#include "process/spots.h"
#include "train/trainer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SIDE = 96, CANVAS = 128, MANY = 48 };

#define PERIOD 20.5            /* of the lattice, in pixels */

static float texture[SIDE * SIDE];     /* smooth noise about .2 */
static float lattice[SIDE * SIDE];     /* stripes both ways     */

static int
make_pictures (void **state)
{
  fixture_rng rng = { 5 };
  float      *noise = fixture_floats (&rng, (SIDE + 4) * (SIDE + 4), 1.0);

  (void) state;
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++)
      {
        float sum = 0.0f;

        for (int i = 0; i < 25; i++)
          sum += noise[(y + i / 5) * (SIDE + 4) + x + i % 5];
        texture[y * SIDE + x] = 0.2f + 0.1f * sum;
        lattice[y * SIDE + x] = (float) (0.3 * (cos (6.2831853 * x / PERIOD) + cos (6.2831853 * y / PERIOD)));
      }
  df_free (noise);
  return 0;
}

static df_texton
texton_of (float *pixels, uint8_t *keep)
{
  df_prepared p = { .pixels = pixels, .width = SIDE, .height = SIDE, .keep = keep };
  df_texton   out;

  assert_int_equal (df_texton_make (&p, 1, &out, NULL), DF_OK);
  return out;
}

static df_request
canvas (int width, int height, bool tile)
{
  return (df_request) { .width = width, .height = height, .batch = 1, .tile_x = tile, .tile_y = tile };
}

static void
spots (const df_texton *k, const df_request *r, uint64_t seed, float *out)
{
  df_error err;

  if (df_spots (k, r, seed, out, &err) != DF_OK)
    fail_msg ("%s", err.text);
}

static double
kernel_product (const df_texton *k, int dx, int dy)
{
  double sum = 0.0;

  for (int y = 0; y + dy < k->height; y++)
    for (int x = 0; x + dx < k->width; x++)
      sum += (double) k->kernel[y * k->width + x] * k->kernel[(y + dy) * k->width + x + dx];
  return sum;
}

/* Mean and variance as the picture has them where the weights are. */
static void
the_kernel_has_the_variance_and_no_mean (void **state)
{
  df_texton k = texton_of (texture, NULL);
  double    sum = 0.0;

  (void) state;
  for (int i = 0; i < SIDE * SIDE; i++)
    sum += k.kernel[i];
  assert_true (fabs (sum) < 1e-4);
  assert_true (fabs (k.mean[0] - 0.2) < 0.03);
  assert_true (fabs (kernel_product (&k, 0, 0) - 0.01 * 25 / 3) < 0.01);
  df_texton_clear (&k);
}

static void
what_is_left_out_does_not_matter (void **state)
{
  static float   other[SIDE * SIDE];
  static uint8_t keep[SIDE * SIDE];
  df_texton      a, b;

  (void) state;
  for (int i = 0; i < SIDE * SIDE; i++)
    {
      keep[i]  = i % SIDE < 40 || i % SIDE > 50;
      other[i] = keep[i] ? texture[i] : 1.0f;
    }
  a = texton_of (texture, keep);
  b = texton_of (other, keep);
  assert_true (a.mean[0] == b.mean[0]);
  for (int i = 0; i < SIDE * SIDE; i++)
    assert_true (a.kernel[i] == b.kernel[i]);
  df_texton_clear (&a);
  df_texton_clear (&b);
}

/* Over many seeds: mean, variance and covariance at three lags are the texton's. */
static void
the_field_has_mean_and_covariance (void **state)
{
  static const int lags[][2] = { { 0, 0 }, { 1, 0 }, { 0, 2 }, { 3, 3 } };
  static float     out[CANVAS * CANVAS];
  df_texton        k = texton_of (texture, NULL);
  df_request       r = canvas (CANVAS, CANVAS, false);
  double           mean = 0.0, found[4] = { 0.0 };

  (void) state;
  for (int seed = 0; seed < MANY; seed++)
    {
      spots (&k, &r, (uint64_t) seed, out);
      for (int i = 0; i < CANVAS * CANVAS; i++)
        mean += out[i] / (double) (MANY * CANVAS * CANVAS);
      for (int l = 0; l < 4; l++)
        for (int y = 0; y < CANVAS - 3; y++)
          for (int x = 0; x < CANVAS - 3; x++)
            found[l] += (double) (out[y * CANVAS + x] - k.mean[0]) *
                        (out[(y + lags[l][1]) * CANVAS + x + lags[l][0]] - k.mean[0]) /
                        (MANY * (CANVAS - 3.0) * (CANVAS - 3.0));
    }
  assert_true (fabs (mean - k.mean[0]) < 0.01);
  for (int l = 0; l < 4; l++)
    if (fabs (found[l] - kernel_product (&k, lags[l][0], lags[l][1])) > 0.05 * kernel_product (&k, 0, 0))
      fail_msg ("lag %d,%d: %g is not %g", lags[l][0], lags[l][1], found[l], kernel_product (&k, lags[l][0], lags[l][1]));
  df_texton_clear (&k);
}

static void
a_part_is_that_of_the_whole (void **state)
{
  static float whole[CANVAS * CANVAS], part[40 * 24];
  df_texton    k = texton_of (texture, NULL);
  df_request   r = canvas (CANVAS, CANVAS, false), small = canvas (40, 24, false);

  (void) state;
  r.origin_x     = -30;
  small.origin_x = -30 + 64;
  small.origin_y = 50;
  spots (&k, &r, 3, whole);
  spots (&k, &small, 3, part);
  for (int y = 0; y < 24; y++)
    for (int x = 0; x < 40; x++)
      assert_true (fabsf (part[y * 40 + x] - whole[(y + 50) * CANVAS + x + 64]) < 0.3f);   /* the scale is that of a canvas */
  df_texton_clear (&k);
}

/* The step across the wrap over the step inside. */
static double
seam (const float *x, int width, int height)
{
  double across = 0.0, inside = 0.0;

  for (int y = 0; y < height; y++)
    {
      across += fabs ((double) x[y * width] - x[y * width + width - 1]);
      for (int i = 0; i + 1 < width; i++)
        inside += fabs ((double) x[y * width + i + 1] - x[y * width + i]) / (width - 1);
    }
  return across / inside;
}

static void
a_tiled_axis_wraps (void **state)
{
  static float out[CANVAS * CANVAS];
  df_texton    k = texton_of (texture, NULL);
  df_request   r = canvas (CANVAS, CANVAS, true), tiny = canvas (24, 24, true);

  (void) state;
  spots (&k, &r, 1, out);
  assert_true (seam (out, CANVAS, CANVAS) < 1.4);
  r.tile_x = false;
  spots (&k, &r, 1, out);
  assert_true (seam (out, CANVAS, CANVAS) > 1.8);
  spots (&k, &tiny, 1, out);                      /* smaller than the texton: it lies over itself */
  assert_true (seam (out, 24, 24) < 2.0);
  df_texton_clear (&k);
}

static void
periods_are_found (void **state)
{
  df_texton   strict = texton_of (lattice, NULL), loose = texton_of (texture, NULL);
  df_repeats *r      = df_alloc (1, sizeof *r);

  (void) state;
  assert_int_equal (df_repeats_make (r, &strict, NULL), DF_OK);
  assert_true (r->strict);
  assert_true (fabs (df_repeats_period (r, false) - PERIOD) < 0.25);
  assert_true (fabs (df_repeats_period (r, true) - PERIOD) < 0.25);
  assert_true (fabs (df_repeats_at (r, 0, 0) - 1.0) < 1e-6);
  assert_true (df_repeats_at (r, -20, 4) == df_repeats_at (r, 20, -4));
  assert_true (df_repeats_at (r, 2 * DF_REPEATS_FAR, 0) == 0.0f);
  assert_int_equal (df_repeats_make (r, &loose, NULL), DF_OK);
  assert_false (r->strict);
  assert_true (df_repeats_period (r, false) == 0);
  df_free (r);
  df_texton_clear (&strict);
  df_texton_clear (&loose);
}

/* Autocorrelation of a field that wraps. */
static double
likeness (const float *x, int n, double mean, int dx, int dy)
{
  double sum = 0.0, squares = 0.0;

  for (int y = 0; y < n; y++)
    for (int i = 0; i < n; i++)
      {
        double a = x[y * n + i] - mean;

        squares += a * a;
        sum     += a * (x[(y + dy) % n * n + (i + dx) % n] - mean);
      }
  return sum / squares;
}

/* 128 pixels hold 6.2 periods: stretched to 6, all copies agree, over the wrap too. */
static void
a_strict_pattern_stays_one (void **state)
{
  static float out[CANVAS * CANVAS];
  df_texton    k = texton_of (lattice, NULL);
  df_request   r = canvas (CANVAS, CANVAS, true);
  double       variance = kernel_product (&k, 0, 0), found = 0.0;

  (void) state;
  for (uint64_t seed = 0; seed < 4; seed++)
    {
      spots (&k, &r, seed, out);
      for (int n = 1; n <= 6; n++)
        {
          int lag = (int) lround (n * CANVAS / 6.0) % CANVAS;

          if (likeness (out, CANVAS, k.mean[0], lag, 0) < 0.65 || likeness (out, CANVAS, k.mean[0], 0, lag) < 0.65)
            fail_msg ("seed %d: %g, %g at %d periods", (int) seed, likeness (out, CANVAS, k.mean[0], lag, 0),
                      likeness (out, CANVAS, k.mean[0], 0, lag), n);
        }
      found = 0.0;
      for (int i = 0; i < CANVAS * CANVAS; i++)
        found += pow (out[i] - k.mean[0], 2) / (CANVAS * CANVAS);
      assert_true (found < 1.01 * variance && found > 0.5 * variance);
    }
  df_texton_clear (&k);
}

/* ------------------------------------------------------------------ files */

static void
a_file_comes_back (void **state)
{
  df_texton k = texton_of (texture, NULL), back;
  char      path[512];

  snprintf (path, sizeof path, "%s/%s", (char *) *state, DF_TEXTON_FILE);
  assert_int_equal (df_texton_save (&k, path, NULL), DF_OK);
  assert_int_equal (df_texton_load (&back, path, 1, NULL), DF_OK);
  assert_true (back.width == SIDE && back.height == SIDE && back.channels == 1 && back.mean[0] == k.mean[0]);
  for (int i = 0; i < SIDE * SIDE; i++)
    assert_true (fabsf (back.kernel[i] - k.kernel[i]) <= 1e-3f * fabsf (k.kernel[i]) + 1e-7f);
  df_texton_clear (&k);
  df_texton_clear (&back);
}

static void
damaged_files_are_refused (void **state)
{
  df_texton k = texton_of (texture, NULL), back;
  char      path[512];
  df_error  err;

  snprintf (path, sizeof path, "%s/%s", (char *) *state, DF_TEXTON_FILE);
  assert_int_equal (df_texton_save (&k, path, NULL), DF_OK);
  scratch_refused ("channels", df_texton_load (&back, path, 3, &err), &err, DF_ERROR_FORMAT, "mean");
  assert_null (back.kernel);
  k.kernel[7] = NAN;
  assert_int_equal (df_texton_save (&k, path, NULL), DF_OK);
  scratch_refused ("nan", df_texton_load (&back, path, 1, &err), &err, DF_ERROR_FORMAT, "finite");
  scratch_text (*state, DF_TEXTON_FILE, "no tensors");
  assert_int_not_equal (df_texton_load (&back, path, 1, &err), DF_OK);
  df_texton_clear (&k);
}

/* ------------------------------------------------------------------ runs */

/* A model in the scratch folder, which is the tiny one and has `pictures` × the same picture's texton, if that is one. */
static df_model *
trained (void **state, int pictures)
{
  static uint8_t  pixels[48 * 48 * 3];
  df_picture      each[2];
  df_trainer     *trainer;
  df_train_report report;
  df_model       *model;
  df_error        err;
  char            config[1024];

  for (int i = 0; i < 48 * 48 * 3; i++)
    pixels[i] = (uint8_t) (i * 7 + i / 50);
  each[0] = each[1] = (df_picture) { .pixels = pixels, .width = 48, .height = 48, .channels = 3, .label = -1 };
  snprintf (config, sizeof config, "{\"base\": \"%s/tiny\", \"phases\": [{\"size\": 16, \"batch\": 1, \"share\": 1}], "
            "\"steps\": 1, \"learning_rate\": 0, \"wrap\": 0, \"texton\": 1}", getenv ("DF_MODELS"));
  if (df_trainer_new (&trainer, config, each, (size_t) pictures, NULL, 0, NULL, &err) != DF_OK)
    fail_msg ("%s", err.text);
  assert_int_equal (df_trainer_step (trainer, &report, NULL), DF_OK);
  assert_int_equal (df_trainer_export (trainer, *state, true, true, NULL), DF_OK);
  df_trainer_free (trainer);
  if (df_model_open (&model, *state, &err) != DF_OK)
    fail_msg ("%s", err.text);
  return model;
}

static df_session *
session_of (const df_model *model, const df_request *r)
{
  df_session *session;
  df_error    err;

  if (df_session_new (&session, model, r, &err) != DF_OK)
    fail_msg ("%s", err.text);
  return session;
}

static void
run (const df_model *model, const df_request *r, float *out)
{
  df_session *session = session_of (model, r);

  assert_int_equal (df_run (session, &(df_input) { .seed = 9 }, NULL, out, NULL), DF_OK);
  df_session_free (session);
}

static void
a_run_starts_from_the_texton (void **state)
{
  static float a[32 * 32 * 3], b[32 * 32 * 3], start[32 * 32 * 3];
  df_model    *model = trained (state, 1);
  int          t     = df_model_describe (model)->texton_t;
  df_request   r, partial;
  df_session  *session;

  assert_true (fabs (df_level_at (model, t).sqrt_alpha - DF_SPOTS_SQRT_ALPHA) < 0.005);
  df_request_default (model, &r);
  assert_true (r.texton);
  r.width = r.height = 32;
  r.steps   = 5;
  r.threads = 1;
  session   = session_of (model, &r);
  assert_true (df_session_timestep (session, 0) == t && df_session_steps (session) == 5);
  df_session_free (session);
  run (model, &r, a);
  r.threads = 2;
  run (model, &r, b);
  assert_memory_equal (a, b, sizeof a);
  spots (&model->texton, &r, 9, start);            /* the same by hand: partial denoising of the field */
  partial         = r;
  partial.start_t = t;
  partial.spacing = DF_SPACING_LINEAR;
  session         = session_of (model, &partial);
  assert_int_equal (df_run (session, &(df_input) { .seed = 9, .x0 = start }, NULL, b, NULL), DF_OK);
  assert_memory_equal (a, b, sizeof a);
  df_session_free (session);
  df_model_close (model);
}

static void
other_runs_start_from_noise (void **state)
{
  static const int list[] = { 900, 500, 100 };
  static float     a[16 * 16 * 3], x[16 * 16 * 3];
  df_model        *model = trained (state, 1);
  df_request       r;
  df_session      *session;
  df_error         err;

  df_request_default (model, &r);
  r.width = r.height = 16;
  session = session_of (model, &r);
  scratch_refused ("x_T", df_run (session, &(df_input) { .seed = 1, .init = x }, NULL, a, &err), &err, DF_ERROR_ARGUMENT,
                   "x_T");
  df_session_free (session);
  for (int kind = 0; kind < 4; kind++)
    {
      df_request other = r;

      if (kind == 0)
        other.texton = false;
      if (kind == 1)
        other.compat = true;
      if (kind == 2)
        other.rng = DF_RNG_TORCH;
      if (kind == 3)
        {
          other.timesteps     = list;
          other.num_timesteps = 3;
        }
      session = session_of (model, &other);
      assert_int_equal (df_run (session, &(df_input) { .seed = 1, .init = x }, NULL, a, NULL), DF_OK);
      df_session_free (session);
    }
  df_model_close (model);
}

static void
several_pictures_leave_no_texton (void **state)
{
  df_model  *model = trained (state, 2);
  df_request r;

  df_request_default (model, &r);
  assert_true (df_model_describe (model)->texton_t == -1 && !r.texton);
  df_model_close (model);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (the_kernel_has_the_variance_and_no_mean),
    cmocka_unit_test (what_is_left_out_does_not_matter),
    cmocka_unit_test (the_field_has_mean_and_covariance),
    cmocka_unit_test (a_part_is_that_of_the_whole),
    cmocka_unit_test (a_tiled_axis_wraps),
    cmocka_unit_test (periods_are_found),
    cmocka_unit_test (a_strict_pattern_stays_one),
    cmocka_unit_test_setup_teardown (a_file_comes_back, scratch_setup, scratch_teardown),
    cmocka_unit_test_setup_teardown (damaged_files_are_refused, scratch_setup, scratch_teardown),
    cmocka_unit_test_setup_teardown (a_run_starts_from_the_texton, scratch_setup, scratch_teardown),
    cmocka_unit_test_setup_teardown (other_runs_start_from_noise, scratch_setup, scratch_teardown),
    cmocka_unit_test_setup_teardown (several_pictures_leave_no_texton, scratch_setup, scratch_teardown),
  };

  return cmocka_run_group_tests (tests, make_pictures, NULL);
}
