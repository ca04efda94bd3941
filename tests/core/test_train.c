/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a training run starts from and what it sees: a base, its classes, crops that turn and that avoid pixels. */
#include "fixture.h"
#include "scratch.h"

#include "base/alloc.h"
#include "train/trainer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SIDE = 24 };

static uint8_t pixels[SIDE * SIDE * 3];

static df_picture
picture (int label)
{
  for (int i = 0; i < SIDE * SIDE * 3; i++)
    pixels[i] = (uint8_t) (i * 7 + i / 50);
  return (df_picture) { .pixels = pixels, .width = SIDE, .height = SIDE, .channels = 3, .label = label };
}

static char *
tiny (void)
{
  static char path[1024];

  snprintf (path, sizeof path, "%s/tiny", getenv ("DF_MODELS"));
  return path;
}

/* A run on one picture: no class names, or one. text: with %s for the tiny model's folder. */
static df_status
start (df_trainer **out, const char *text, const char *class_name, df_error *err)
{
  df_picture p = picture (class_name != NULL ? 0 : -1);
  char       config[2048];

  snprintf (config, sizeof config, text, tiny ());
  return df_trainer_new (out, config, &p, 1, &class_name, class_name != NULL ? 1 : 0, NULL, err);
}

static df_trainer *
started (const char *text, const char *class_name)
{
  df_trainer *trainer;
  df_error    err;

  if (start (&trainer, text, class_name, &err) != DF_OK)
    fail_msg ("%s", err.text);
  return trainer;
}

/* ------------------------------------------------------------------ a base */

/* The network's output for 16 × 16 noise at t = 700. */
static void
predict (const char *folder, const char *class_name, float *out)
{
  double      t   = 700;
  fixture_rng rng = { 3 };
  float      *x   = fixture_floats (&rng, 16 * 16 * 3, 1);
  df_model   *model;
  df_session *session;
  df_request  r;
  df_error    err;

  if (df_model_open (&model, folder, &err) != DF_OK)
    fail_msg ("%s", err.text);
  df_request_default (model, &r);
  r.threads = 1;
  assert_int_equal (df_model_class (model, class_name, &r.label, &err), DF_OK);
  assert_int_equal (df_session_new (&session, model, &r, &err), DF_OK);
  assert_int_equal (df_predict (session, x, &t, NULL, out, &err), DF_OK);
  df_session_free (session);
  df_model_close (model);
  df_free (x);
}

static double
distance (const float *a, const float *b)
{
  double worst = 0;

  for (int i = 0; i < 16 * 16 * 3; i++)
    worst = fmax (worst, fabs (a[i] - b[i]));
  return worst;
}

#define STILL "{\"base\": \"%s\", \"steps\": 1, \"learning_rate\": 0, \"threads\": 1, " \
              "\"phases\": [{\"size\": 16, \"batch\": 2, \"share\": 1}]}"

/* A step that changes nothing: what comes out is the base. */
static void
a_base_is_where_a_run_starts (void **state)
{
  float           base[16 * 16 * 3], ours[16 * 16 * 3], other[16 * 16 * 3];
  df_trainer     *trainer = started (STILL, "stripes");
  df_train_report report;
  df_model       *model;

  assert_int_equal (df_trainer_step (trainer, &report, NULL), DF_OK);
  assert_int_equal (df_trainer_export (trainer, *state, true, false, NULL), DF_OK);
  assert_int_equal (trainer->label_of[0], 1);
  df_trainer_free (trainer);
  predict (tiny (), "stripes", base);
  predict (*state, "stripes", ours);
  predict (tiny (), "waves", other);
  assert_true (distance (base, ours) == 0);
  assert_true (distance (base, other) > 1e-2);
  assert_int_equal (df_model_open (&model, *state, NULL), DF_OK);
  assert_string_equal (df_model_describe (model)->licence, "CC0-1.0");
  assert_int_equal (df_model_describe (model)->num_classes, 3);
  assert_true (df_model_describe (model)->any_size);
  df_model_close (model);
}

/* Without classes in the data the base's null class is the whole network. */
static void
the_null_class_becomes_the_network (void **state)
{
  float           base[16 * 16 * 3], ours[16 * 16 * 3], other[16 * 16 * 3];
  df_trainer     *trainer = started (STILL, NULL);
  df_train_report report;
  df_model       *model;

  assert_int_equal (df_trainer_step (trainer, &report, NULL), DF_OK);
  assert_int_equal (df_trainer_export (trainer, *state, true, false, NULL), DF_OK);
  df_trainer_free (trainer);
  predict (tiny (), "", base);
  predict (*state, "", ours);
  predict (tiny (), "waves", other);
  assert_true (distance (base, ours) < 1e-5);
  assert_true (distance (base, other) > 1e-2);
  assert_int_equal (df_model_open (&model, *state, NULL), DF_OK);
  assert_int_equal (df_model_describe (model)->num_classes, 0);
  assert_int_equal (df_model_describe (model)->null_class, -1);
  df_model_close (model);
}

/* The configuration of a checkpoint starts the same run, even when the base has gone. */
static void
a_checkpoint_knows_its_run (void **state)
{
  df_trainer     *trainer = started ("{\"base\": \"%s\", \"steps\": 3, \"phases\": [{\"size\": 16, \"batch\": 1, "
                                     "\"share\": 1}]}", NULL);
  df_picture      p = picture (-1);
  char            path[1024], *text, *at;
  df_train_report report;
  df_error        err;

  snprintf (path, sizeof path, "%s/c", (char *) *state);
  assert_int_equal (df_trainer_step (trainer, &report, NULL), DF_OK);
  assert_int_equal (df_trainer_checkpoint (trainer, path, NULL), DF_OK);
  df_trainer_free (trainer);
  assert_int_equal (df_checkpoint_config (path, &text, NULL), DF_OK);
  at = strstr (text, "/tiny");
  assert_non_null (at);
  memcpy (at, "/gone", 5);
  if (df_trainer_new (&trainer, text, &p, 1, NULL, 0, path, &err) != DF_OK)
    fail_msg ("%s", err.text);
  assert_int_equal (df_trainer_step (trainer, &report, NULL), DF_OK);
  assert_int_equal (report.step, 2);
  df_trainer_free (trainer);
  free (text);
  scratch_text (*state, "c", "no checkpoint");
  assert_int_not_equal (df_checkpoint_config (path, &text, &err), DF_OK);
  assert_null (text);
}

static void
what_does_not_fit_is_named (void **state)
{
#define UNET(rest) "\"block_out_channels\": [16, 32], \"norm_num_groups\": 8, \"layers_per_block\": 1, " \
                   "\"down_block_types\": [\"DownBlock2D\", \"DownBlock2D\"], \"up_block_types\": [\"UpBlock2D\", " \
                   "\"UpBlock2D\"], " rest
  static const struct { const char *config, *class_name, *says; } cases[] = {
    { "{\"base\": \"%s\", \"phases\": [{\"size\": 16, \"batch\": 1, \"share\": 1}]}", "cheese", "cheese" },
    { "{\"base\": \"%s/none\"}", NULL, "none is not a model folder" },
    { "{\"base\": 3}", NULL, "\"base\" must be" },
    { "{\"base\": \"%s\", \"unet\": {" UNET ("\"add_attention\": true") "}}", NULL, "mid_block.attentions.0" },
    { "{\"base\": \"%s\", \"unet\": {\"block_out_channels\": [16, 24], \"norm_num_groups\": 8, \"layers_per_block\": 1, "
      "\"down_block_types\": [\"DownBlock2D\", \"DownBlock2D\"], \"up_block_types\": [\"UpBlock2D\", \"UpBlock2D\"], "
      "\"add_attention\": false}}", NULL, "config.json asks for [24," },
    { "{\"base\": \"%s\", \"unet\": {\"in_channels\": 4, \"out_channels\": 4}}", NULL, "4 channels" },
  };

  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
      df_trainer *trainer;
      df_error    err = { DF_OK, "" };
      df_status   status = start (&trainer, cases[i].config, cases[i].class_name, &err);

      assert_int_not_equal (status, DF_OK);
      assert_null (trainer);
      if (strstr (err.text, cases[i].says) == NULL)
        fail_msg ("%s gave: %s", cases[i].config, err.text);
    }
  (void) state;
}

/* ------------------------------------------------------------------ crops */

#define CROPS "{\"steps\": 1, \"flip_x\": 0, \"wrap\": 0, \"phases\": [{\"size\": %d, \"batch\": 1, \"share\": 1}]%s}"

static void
data_of (df_data *data, df_train_config *c, const df_picture *p, int size, const char *more)
{
  char     text[512];
  df_error err;

  snprintf (text, sizeof text, CROPS, size, more);
  if (df_train_config_read (c, text, 0, 3, false, &err) != DF_OK || df_data_new (data, p, 1, 0, c, &err) != DF_OK)
    fail_msg ("%s", err.text);
}

/* Corners of the picture, clockwise from the top left, say how a crop of all of it was turned. */
static void
rotations_are_quarter_turns (void **state)
{
  static const int corners[4] = { 0, SIDE - 1, SIDE * SIDE - 1, SIDE * (SIDE - 1) };
  int              seen[4] = { 0 };
  df_picture       p = picture (-1);
  df_data          data;
  df_train_config  c;
  float           *crop = df_alloc (SIDE * SIDE * 3, sizeof *crop);

  (void) state;
  for (int i = 0; i < 4; i++)
    pixels[3 * corners[i]] = (uint8_t) (60 * i);
  data_of (&data, &c, &p, SIDE, ", \"rotate\": 1");
  for (uint32_t step = 0; step < 200; step++)
    {
      df_draw draw = df_draw_start (1, step, DF_STREAM_ROWS);
      int     first;

      assert_int_equal (df_data_crop (&data, &c, &draw, 0, crop), -1);
      first = (int) lround ((crop[3 * corners[0]] + 1) * 127.5 / 60);
      seen[first]++;
      for (int i = 0; i < 4; i++)
        assert_int_equal (lround ((crop[3 * corners[i]] + 1) * 127.5 / 60), (first + i) % 4);
    }
  for (int i = 0; i < 4; i++)
    assert_true (seen[i] > 25);
  df_data_clear (&data);
  df_train_config_clear (&c);
  df_free (crop);
}

/* Red marks what is left out: a hole at (10, 12) and the last column. Every other origin comes up. */
static void
crops_avoid_what_is_left_out (void **state)
{
  enum { SIZE = 8, N = SIZE * SIZE * 3 };
  uint8_t         keep[SIDE * SIDE];
  bool            seen[SIDE][SIDE] = { { false } };
  df_picture      p = picture (-1);
  df_data         data;
  df_train_config c;
  float           crop[N];
  int             count = 0, expected = 0;

  (void) state;
  for (int i = 0; i < SIDE * SIDE; i++)
    {
      keep[i]           = i % SIDE != SIDE - 1 && i != 12 * SIDE + 10;
      pixels[3 * i]     = keep[i] ? 0 : 255;
      pixels[3 * i + 1] = (uint8_t) (10 * (i % SIDE));
      pixels[3 * i + 2] = (uint8_t) (10 * (i / SIDE));
    }
  p.keep = keep;
  data_of (&data, &c, &p, SIZE, "");
  for (uint32_t step = 0; step < 20000; step++)
    {
      df_draw draw = df_draw_start (1, step, DF_STREAM_ROWS);

      df_data_crop (&data, &c, &draw, 0, crop);
      for (int i = 0; i < N; i += 3)
        assert_true (crop[i] == -1.0f);
      seen[lround ((crop[2] + 1) * 12.75)][lround ((crop[1] + 1) * 12.75)] = true;
    }
  for (int y = 0; y <= SIDE - SIZE; y++)
    for (int x = 0; x <= SIDE - SIZE; x++)
      {
        bool allowed = x + SIZE < SIDE && !(x <= 10 && x + SIZE > 10 && y <= 12 && y + SIZE > 12);

        assert_true (seen[y][x] == allowed);
        count    += seen[y][x];
        expected += allowed;
      }
  assert_int_equal (count, expected);
  df_data_clear (&data);
  df_train_config_clear (&c);
}

static void
nothing_left_to_see_is_refused (void **state)
{
  uint8_t         keep[SIDE * SIDE];
  df_picture      p = picture (-1);
  df_data         data;
  df_train_config c;
  char            text[512];
  df_error        err;

  (void) state;
  for (int i = 0; i < SIDE * SIDE; i++)
    keep[i] = i % SIDE % 12 != 0;
  p.keep = keep;
  snprintf (text, sizeof text, CROPS, 12, "");
  assert_int_equal (df_train_config_read (&c, text, 0, 3, false, &err), DF_OK);
  assert_int_equal (df_data_new (&data, &p, 1, 0, &c, &err), DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "no square of 12 × 12"));
  df_train_config_clear (&c);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (a_base_is_where_a_run_starts, scratch_setup, scratch_teardown),
    cmocka_unit_test_setup_teardown (the_null_class_becomes_the_network, scratch_setup, scratch_teardown),
    cmocka_unit_test_setup_teardown (a_checkpoint_knows_its_run, scratch_setup, scratch_teardown),
    cmocka_unit_test (what_does_not_fit_is_named),
    cmocka_unit_test (rotations_are_quarter_turns),
    cmocka_unit_test (crops_avoid_what_is_left_out),
    cmocka_unit_test (nothing_left_to_see_is_refused),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
