/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a training run starts from and what it sees: a base, its classes, crops that turn and that avoid pixels; and the
 * memory that it takes, which changes none of its numbers. */
#include "fixture.h"
#include "scratch.h"

#include "base/alloc.h"
#include "train/trainer.h"

#include <malloc.h>
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

/* A base that is guided by default: without classes there is nothing to guide with. */
static void
guidance_goes_with_the_classes (void **state)
{
  static const char rest[] = "\"steps\": 1, \"threads\": 1, \"phases\": [{\"size\": 16, \"batch\": 1, \"share\": 1}]}";
  char              text[2048];
  df_model         *model;
  df_picture        p = picture (-1);

  for (int classes = 1; classes >= 0; classes--)
    {
      df_trainer *trainer;

      snprintf (text, sizeof text, "{\"base\": \"%s\", %s%s", classes ? tiny () : (char *) *state,
                classes ? "\"card\": {\"guidance\": 2}, " : "", rest);
      if (classes)
        trainer = started (text, "stripes");
      else
        assert_int_equal (df_trainer_new (&trainer, text, &p, 1, NULL, 0, NULL, NULL), DF_OK);
      assert_int_equal (df_trainer_export (trainer, *state, true, false, NULL), DF_OK);
      df_trainer_free (trainer);
      assert_int_equal (df_model_open (&model, *state, NULL), DF_OK);
      assert_true (df_model_describe (model)->guidance == (classes ? 2.0 : 1.0));
      df_model_close (model);
    }
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
    { "{\"base\": \"%s\", \"phases\": [{\"size\": [[16, 9]], \"batch\": 1, \"share\": 1}]}", NULL, "[width, height]" },
    { "{\"base\": \"%s\", \"phases\": [{\"size\": [16, 8], \"batch\": 1, \"share\": 1}]}", NULL, "[width, height]" },
    { "{\"base\": \"%s\", \"phases\": [{\"size\": [], \"batch\": 1, \"share\": 1}]}", NULL, "[width, height]" },
    { "{\"base\": \"%s\", \"phases\": [{\"size\": [[16, 8]], \"batch\": 1, \"share\": 1, \"margin\": 4}]}", NULL, "margin" },
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

#define CROPS "{\"steps\": 1, \"flip_x\": 0, \"wrap\": 0, \"phases\": [{\"size\": %s, \"batch\": 1, \"share\": 1}]%s}"

static void
data_of (df_data *data, df_train_config *c, const df_picture *p, const char *size, const char *more)
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
  data_of (&data, &c, &p, "24", ", \"rotate\": 1");
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

enum { HOLE_X = 10, HOLE_Y = 12 };

static bool
may_begin (const df_train_crop *crop, int x, int y)
{
  return x + crop->width < SIDE && y + crop->height <= SIDE &&
         !(x <= HOLE_X && x + crop->width > HOLE_X && y <= HOLE_Y && y + crop->height > HOLE_Y);
}

/* Red marks what is left out: a hole and the last column; green and blue say where a pixel comes from. Crops of every size
 * begin wherever they may and nowhere else, and lie as in the picture. */
static void
crops_avoid_what_is_left_out (void **state)
{
  uint8_t         keep[SIDE * SIDE];
  df_picture      p = picture (-1);
  df_data         data;
  df_train_config c;
  float           crop[SIDE * SIDE * 3];

  (void) state;
  for (int i = 0; i < SIDE * SIDE; i++)
    {
      keep[i]           = i % SIDE != SIDE - 1 && i != HOLE_Y * SIDE + HOLE_X;
      pixels[3 * i]     = keep[i] ? 0 : 255;
      pixels[3 * i + 1] = (uint8_t) (10 * (i % SIDE));
      pixels[3 * i + 2] = (uint8_t) (10 * (i / SIDE));
    }
  p.keep = keep;
  data_of (&data, &c, &p, "[[8, 8], [12, 4], [4, 16]]", "");
  assert_int_equal (c.num_crops, 3);
  for (int which = 0; which < 3; which++)
    {
      bool seen[SIDE][SIDE] = { { false } };
      int  w = c.crops[which].width, n = w * c.crops[which].height;

      for (uint32_t step = 0; step < 10000; step++)
        {
          df_draw draw = df_draw_start (1, step, DF_STREAM_ROWS);
          int     x0, y0;

          df_data_crop (&data, &c, &draw, which, crop);
          x0 = (int) lround ((crop[1] + 1) * 12.75);
          y0 = (int) lround ((crop[2] + 1) * 12.75);
          seen[y0][x0] = true;
          for (int i = 0; i < n; i++)
            assert_true (crop[3 * i] == -1.0f && lround ((crop[3 * i + 1] + 1) * 12.75) == x0 + i % w &&
                         lround ((crop[3 * i + 2] + 1) * 12.75) == y0 + i / w);
        }
      for (int i = 0; i < SIDE * SIDE; i++)
        assert_true (seen[i / SIDE][i % SIDE] == may_begin (&c.crops[which], i % SIDE, i / SIDE));
    }
  df_data_clear (&data);
  df_train_config_clear (&c);
}

/* Upside down is a turn that every rectangle takes; a quarter turn would need another one. */
static void
rectangles_turn_by_halves (void **state)
{
  df_picture      p = picture (-1);
  df_data         data;
  df_train_config c;
  float           upright[24 * 16 * 3], crop[24 * 16 * 3];
  int             turned = 0;

  (void) state;
  p.width  = 24;
  p.height = 16;
  data_of (&data, &c, &p, "[[24, 16]]", ", \"rotate\": 1");
  memcpy (upright, data.pictures[0].pixels, sizeof upright);
  for (uint32_t step = 0; step < 100; step++)
    {
      df_draw draw = df_draw_start (1, step, DF_STREAM_ROWS);
      bool    half;

      df_data_crop (&data, &c, &draw, 0, crop);
      half    = memcmp (crop, upright, sizeof crop) != 0;
      turned += half;
      for (int i = 0; half && i < 24 * 16; i++)
        assert_memory_equal (crop + 3 * i, upright + 3 * (24 * 16 - 1 - i), 3 * sizeof *crop);
    }
  assert_in_range (turned, 30, 70);
  df_data_clear (&data);
  df_train_config_clear (&c);
}

/* ------------------------------------------------------------------ several sizes */

#define SIZES "{\"base\": \"%s\", \"steps\": 12, \"threads\": 1, \"phases\": [{\"size\": [[16, 8], [8, 24], [12, 12]], " \
              "\"batch\": 2, \"share\": 1, \"margin\": 1}]}"

/* Every size comes up, and a run that was interrupted takes the same sizes in the same order: it is the same run. */
static void
each_step_takes_one_of_the_sizes (void **state)
{
  df_trainer     *whole = started (SIZES, NULL), *resumed;
  df_picture      p = picture (-1);
  char            path[1024], text[2048];
  bool            seen[SIDE + 1] = { false };
  df_train_report report;

  snprintf (path, sizeof path, "%s/c", (char *) *state);
  snprintf (text, sizeof text, SIZES, tiny ());
  for (int step = 0; step < 12; step++)
    {
      if (step == 5)
        assert_int_equal (df_trainer_checkpoint (whole, path, NULL), DF_OK);
      assert_int_equal (df_trainer_step (whole, &report, NULL), DF_OK);
      seen[whole->batch.height] = true;
    }
  assert_true (seen[8] && seen[24] && seen[12]);
  assert_int_equal (df_trainer_new (&resumed, text, &p, 1, NULL, 0, path, NULL), DF_OK);
  while (df_trainer_step (resumed, &report, NULL) == DF_OK)
    ;
  assert_int_equal (resumed->step, 12);
  assert_memory_equal (resumed->w, whole->w, whole->count * sizeof *whole->w);
  assert_memory_equal (resumed->ema, whole->ema, whole->count * sizeof *whole->ema);
  df_trainer_free (resumed);
  df_trainer_free (whole);
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
  snprintf (text, sizeof text, CROPS, "12", "");
  assert_int_equal (df_train_config_read (&c, text, 0, 3, false, &err), DF_OK);
  assert_int_equal (df_data_new (&data, &p, 1, 0, &c, &err), DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "no area of 12 × 12"));
  df_train_config_clear (&c);
}

/* ------------------------------------------------------------------ memory */

/* Two phases of two steps, odd batches, sides that only just divide; attention and a class in the first, resampling
 * residual blocks in the second, whose larger phase comes last. */
static const char *const capped[] = {
  "{\"steps\": 4, \"threads\": 2, \"memory_mb\": %.6f, \"phases\": [{\"size\": 22, \"batch\": 5, \"share\": 1}, "
  "{\"size\": [[14, 18], [10, 6]], \"batch\": 3, \"share\": 1}], \"unet\": {\"block_out_channels\": [8, 16], \"norm_num_groups\": 4, "
  "\"layers_per_block\": 2, \"attention_head_dim\": 4, \"down_block_types\": [\"DownBlock2D\", \"AttnDownBlock2D\"], "
  "\"up_block_types\": [\"AttnUpBlock2D\", \"UpBlock2D\"]}}",
  "{\"steps\": 4, \"threads\": 2, \"memory_mb\": %.6f, \"phases\": [{\"size\": 12, \"batch\": 3, \"share\": 1}, "
  "{\"size\": 20, \"batch\": 7, \"share\": 1}], \"unet\": {\"block_out_channels\": [8, 8, 16], \"norm_num_groups\": 4, "
  "\"layers_per_block\": 1, \"add_attention\": false, \"resnet_time_scale_shift\": \"scale_shift\", "
  "\"downsample_type\": \"resnet\", \"upsample_type\": \"resnet\", \"down_block_types\": [\"DownBlock2D\", "
  "\"DownBlock2D\", \"DownBlock2D\"], \"up_block_types\": [\"UpBlock2D\", \"UpBlock2D\", \"UpBlock2D\"]}}",
};
enum { CAPPED = sizeof capped / sizeof *capped };

static df_status
start_capped (df_trainer **out, int which, double megabytes, const char *resume, df_error *err)
{
  df_picture  p    = picture (0);
  const char *name = "dots";
  char        config[2048];

  snprintf (config, sizeof config, capped[which], megabytes);
  return df_trainer_new (out, config, &p, 1, &name, 1, resume, err);
}

/* Steps to the end of the run, or `steps` of them. */
static df_trainer *
run_capped (int which, double megabytes, const char *resume, int steps)
{
  df_trainer     *trainer;
  df_train_report report;
  df_error        err;

  if (start_capped (&trainer, which, megabytes, resume, &err) != DF_OK)
    fail_msg ("%s", err.text);
  for (int i = 0; i < steps; i++)
    assert_int_equal (df_trainer_step (trainer, &report, &err), DF_OK);
  return trainer;
}

/* From no cap to the last that a run fits: weights, moments, average and gradients are the same to the bit. */
static void
a_cap_changes_no_bit (void **state)
{
  (void) state;
  for (int which = 0; which < CAPPED; which++)
    {
      df_trainer *plain  = run_capped (which, 0, NULL, 4), *trainer;
      double      needed = (double) df_trainer_bytes (plain), least;
      int         caps   = 0;
      df_error    err;

      while (start_capped (&trainer, which, (needed - 1) * 1e-6, NULL, &err) == DF_OK)
        {
          df_trainer_free (trainer);
          trainer = run_capped (which, (needed - 1) * 1e-6, NULL, 4);
          assert_true ((double) df_trainer_bytes (trainer) < needed);
          needed = (double) df_trainer_bytes (trainer);
          assert_memory_equal (plain->memory, trainer->memory, 5 * plain->count * sizeof (float));
          df_trainer_free (trainer);
          caps++;
        }
      assert_true (caps > 0 && needed < 0.9 * (double) df_trainer_bytes (plain));
      assert_int_equal (err.status, DF_ERROR_CAP);
      assert_non_null (strstr (err.text, "smaller batch"));
      assert_int_equal (sscanf (strstr (err.text, "at least "), "at least %lf MB", &least), 1);
      df_trainer_free (run_capped (which, least, NULL, 0));
      df_trainer_free (plain);
    }
}

/* A checkpoint at the border of two phases, of a run without a cap, goes on with one, and the other way round. */
static void
a_run_resumes_under_another_cap (void **state)
{
  char path[1024];

  snprintf (path, sizeof path, "%s/c", (char *) *state);
  for (int which = 0; which < CAPPED; which++)
    for (int first = 0; first < 2; first++)
      {
        df_trainer *plain = run_capped (which, 0, NULL, 4), *half, *rest;
        double      cap   = 0.9e-6 * (double) df_trainer_bytes (plain);

        half = run_capped (which, first == 0 ? 0 : cap, NULL, 2);
        assert_int_equal (df_trainer_checkpoint (half, path, NULL), DF_OK);
        rest = run_capped (which, first == 0 ? cap : 0, path, 2);
        assert_memory_equal (plain->memory, rest->memory, 5 * plain->count * sizeof (float));
        df_trainer_free (plain);
        df_trainer_free (half);
        df_trainer_free (rest);
      }
}

/* What a run holds, and what it takes for the moment in which it writes a model. */
static void
the_forecast_is_what_a_run_takes (void **state)
{
  (void) state;
  for (int which = 0; which < CAPPED; which++)
    for (int lean = 0; lean < 2; lean++)
      {
        df_trainer *trainer = run_capped (which, 0, NULL, 0);
        double      cap     = lean ? 0.9e-6 * (double) df_trainer_bytes (trainer) : 0.0;
        size_t      before, held, writing = trainer->count * (sizeof (float) + sizeof (uint16_t));

        df_trainer_free (trainer);
        before  = fixture_in_use ();
        trainer = run_capped (which, cap, NULL, 2);
        held    = fixture_in_use () - before + writing;
        if (held > writing && (held < df_trainer_bytes (trainer) || held > df_trainer_bytes (trainer) + 65536))
          fail_msg ("case %d: forecast %zu bytes, held %zu", which, df_trainer_bytes (trainer), held);
        df_trainer_free (trainer);
      }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (a_base_is_where_a_run_starts, scratch_setup, scratch_teardown),
    cmocka_unit_test_setup_teardown (the_null_class_becomes_the_network, scratch_setup, scratch_teardown),
    cmocka_unit_test_setup_teardown (guidance_goes_with_the_classes, scratch_setup, scratch_teardown),
    cmocka_unit_test_setup_teardown (a_checkpoint_knows_its_run, scratch_setup, scratch_teardown),
    cmocka_unit_test (what_does_not_fit_is_named),
    cmocka_unit_test (rotations_are_quarter_turns),
    cmocka_unit_test (crops_avoid_what_is_left_out),
    cmocka_unit_test (rectangles_turn_by_halves),
    cmocka_unit_test_setup_teardown (each_step_takes_one_of_the_sizes, scratch_setup, scratch_teardown),
    cmocka_unit_test (nothing_left_to_see_is_refused),
    cmocka_unit_test (a_cap_changes_no_bit),
    cmocka_unit_test_setup_teardown (a_run_resumes_under_another_cap, scratch_setup, scratch_teardown),
    cmocka_unit_test (the_forecast_is_what_a_run_takes),
  };

  mallopt (M_MMAP_MAX, 0);      /* whole pages would blur what is counted */
  return cmocka_run_group_tests (tests, NULL, NULL);
}
