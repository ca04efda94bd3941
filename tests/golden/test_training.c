/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Training follows torch's AdamW on the same pictures, noise, t and classes (make_training_vectors.py); a run that
 * stops and resumes is the same run. */
#define _POSIX_C_SOURCE 200809L   /* mkstemp */
#include "vectors.h"

#include "base/alloc.h"
#include "fixture.h"
#include "train/trainer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { CLASSES = 4, SIDE = 16, STEPS = 200 };

static const char *const class_names[CLASSES] = { "along x", "along y", "diagonal", "checked" };
static uint8_t           pixels[CLASSES][SIDE * SIDE * 3];
static df_picture        pictures[CLASSES];

static void
make_pictures (void)
{
  for (int c = 0; c < CLASSES; c++)
    {
      for (int i = 0; i < SIDE * SIDE * 3; i++)
        pixels[c][i] = (uint8_t) (i * (c + 3));
      pictures[c] = (df_picture) { .pixels = pixels[c], .width = SIDE, .height = SIDE, .channels = 3, .label = c };
    }
}

/* The configuration of a run of the manifest, with its network and schedule put in. */
static char *
config_of (yyjson_val *root, yyjson_val *run)
{
  yyjson_mut_doc *doc = yyjson_mut_doc_new (NULL);
  yyjson_mut_val *c   = yyjson_val_mut_copy (doc, yyjson_obj_get (run, "trainer_config"));
  char           *text;

  yyjson_mut_doc_set_root (doc, c);
  yyjson_mut_obj_add_val (doc, c, "unet", yyjson_val_mut_copy (doc, yyjson_obj_get (root, "unet")));
  yyjson_mut_obj_add_val (doc, c, "circular", yyjson_val_mut_copy (doc, yyjson_obj_get (yyjson_obj_get (run, "trainer_config"), "wrap")));
  text = yyjson_mut_write (doc, 0, NULL);
  yyjson_mut_doc_free (doc);
  return text;
}

static df_trainer *
trainer_new (const char *config, const char *resume)
{
  df_trainer *trainer;
  df_error    err;

  if (df_trainer_new (&trainer, config, pictures, CLASSES, class_names, CLASSES, resume, &err) != DF_OK)
    fail_msg ("%s", err.text);
  return trainer;
}

static void
start_from (df_trainer *trainer, const char *folder)
{
  const df_graph *g = &trainer->nets[0].plan.graph;
  df_model       *model;

  assert_int_equal (df_model_open (&model, folder, NULL), DF_OK);
  for (int i = 0; i < g->num_params; i++)
    {
      const df_param  *p = &g->params[i];
      const df_weight *w = df_model_weight (model, p->name, p->dims, p->shape, NULL);

      assert_non_null (w);
      for (size_t j = 0; j < p->count; j++)
        {
          size_t k = (size_t) p->kernel, at = j;

          if (p->kind == DF_PARAM_CONV)
            at = ((j / k % k * k + j % k) * (size_t) p->in + j / k / k % (size_t) p->in) * (size_t) p->out +
                 j / k / k / (size_t) p->in;
          trainer->w_of[i][at] = w->data[j];
        }
    }
  memcpy (trainer->ema, trainer->w, trainer->count * sizeof (float));
  df_model_close (model);
}

typedef struct material { vectors_array x0, noise, data_of, noise_of, t, labels; } material;

static void
fill_batch (const material *m, int step, df_batch *b)
{
  size_t rows = m->x0.shape[1], n = rows * 3 * SIDE * SIDE;
  float *x = vectors_nhwc (m->x0.data + (size_t) m->data_of.data[step] * n, rows, 3, SIDE, SIDE);
  float *e = vectors_nhwc (m->noise.data + (size_t) m->noise_of.data[step] * n, rows, 3, SIDE, SIDE);

  b->rows   = (int) rows;
  b->width  = b->height = SIDE;
  b->margin = 0;
  memcpy (b->x0, x, n * sizeof *x);
  memcpy (b->noise, e, n * sizeof *e);
  for (size_t i = 0; i < rows; i++)
    {
      b->t[i]      = m->t.data[(size_t) step * rows + i];
      b->labels[i] = (int) m->labels.data[(size_t) step * rows + i];
    }
  df_free (x);
  df_free (e);
}

static void
follow (yyjson_val *root, yyjson_val *run, const material *m)
{
  vectors_array   want   = vectors_load ("training", yyjson_get_str (yyjson_obj_get (run, "losses")));
  char           *config = config_of (root, run), path[1024];
  df_trainer     *trainer = trainer_new (config, NULL);
  double          late = 0, late_want = 0, worst = 0;
  df_train_report report;

  vectors_path (path, sizeof path, "training", yyjson_get_str (yyjson_obj_get (run, "model")));
  start_from (trainer, path);
  trainer->steps = STEPS;
  for (int step = 0; step < (int) want.count; step++)
    {
      fill_batch (m, step, &trainer->batch);
      assert_int_equal (df_trainer_step_on (trainer, &trainer->batch, 0, &report, NULL), DF_OK);
      if (step < 20)
        worst = fmax (worst, fabs (report.loss / want.data[step] - 1));
      late      += step >= 150 ? report.loss / 50 : 0;
      late_want += step >= 150 ? want.data[step] / 50 : 0;
    }
  print_message ("%s: first 20 within %.1e%s", yyjson_get_str (yyjson_obj_get (run, "name")), worst,
                 late > 0 ? "" : "\n");
  assert_true (worst < 1e-5);    /* .1 % would not see a wrong β₂ or a missing decay */
  if (late > 0)
    {
      print_message (", mean of 151 to 200 within %.1e\n", fabs (late / late_want - 1));
      assert_true (fabs (late / late_want - 1) < 2e-2);
    }
  df_trainer_free (trainer);
  df_free (want.data);
  free (config);
}

static void
losses_follow_torch (void **state)
{
  yyjson_doc *doc  = vectors_manifest ("training");
  yyjson_val *root = yyjson_doc_get_root (doc), *runs = yyjson_obj_get (root, "runs");
  material    m    = { vectors_load ("training", "x0.npy"), vectors_load ("training", "noise.npy"),
                       vectors_load ("training", "data_of.npy"), vectors_load ("training", "noise_of.npy"),
                       vectors_load ("training", "t.npy"), vectors_load ("training", "labels.npy") };

  (void) state;
  assert_true (yyjson_arr_size (runs) == 2);
  for (size_t i = 0; i < yyjson_arr_size (runs); i++)
    follow (root, yyjson_arr_get (runs, i), &m);
  df_free (m.x0.data); df_free (m.noise.data); df_free (m.data_of.data); df_free (m.noise_of.data);
  df_free (m.t.data); df_free (m.labels.data);
  yyjson_doc_free (doc);
}

static const char own_config[] =
  "{\"unet\": {\"block_out_channels\": [8, 16], \"layers_per_block\": 1, \"norm_num_groups\": 4,"
  " \"down_block_types\": [\"DownBlock2D\", \"DownBlock2D\"], \"up_block_types\": [\"UpBlock2D\", \"UpBlock2D\"],"
  " \"add_attention\": false}, \"phases\": [{\"size\": 8, \"batch\": 4, \"share\": 0.5},"
  " {\"size\": 16, \"batch\": 2, \"share\": 0.5}], \"steps\": 30, \"seed\": 5, \"flip_y\": 1, \"rotate\": 1}";

static void
take_steps (df_trainer *trainer, int n)
{
  df_train_report report;

  for (int i = 0; i < n; i++)
    assert_int_equal (df_trainer_step (trainer, &report, NULL), DF_OK);
}

static void
resumed_is_uninterrupted (void **state)
{
  char            path[] = "/tmp/diffusion-resume-XXXXXX";
  int             handle = mkstemp (path);
  df_trainer     *whole = trainer_new (own_config, NULL), *first = trainer_new (own_config, NULL), *second;
  df_train_report report;
  df_error        err;

  (void) state;
  assert_true (handle >= 0);
  close (handle);
  take_steps (whole, 30);
  take_steps (first, 17);
  assert_int_equal (df_trainer_checkpoint (first, path, NULL), DF_OK);
  df_trainer_free (first);
  second = trainer_new (own_config, path);
  take_steps (second, 13);
  assert_int_equal (df_trainer_step (second, &report, NULL), DF_DONE);
  assert_memory_equal (whole->memory, second->memory, 4 * whole->count * sizeof (float));
  assert_true (whole->loss_mean == second->loss_mean);
  df_trainer_free (whole);
  df_trainer_free (second);
  assert_int_equal (df_trainer_new (&second, "{\"steps\": 30, \"seed\": 6}", pictures, CLASSES, class_names, CLASSES,
                                    path, &err), DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "another configuration"));
  unlink (path);
}

/* What a network says in the margin costs nothing and teaches nothing; inside, the loss is the mean over what is left. */
static void
the_margin_is_left_out (void **state)
{
  enum { SIZE = 4, N = SIZE * SIZE * 3 };
  df_scheduler_config c = { .num_train_timesteps = 1000, .beta_schedule = DF_BETA_SQUAREDCOS_CAP_V2 };
  float               x0[N] = { 0 }, noise[N] = { 0 }, y[N], dy[N];
  double              t = 500;
  int                 label = 0;
  df_batch            b = { 1, SIZE, SIZE, 1, x0, noise, &t, &label };
  df_schedule         s;

  (void) state;
  assert_int_equal (df_schedule_init (&s, &c, NULL), DF_OK);
  for (int i = 0; i < N; i++)
    y[i] = 3.0f;
  assert_true (fabs (df_loss_gradient (&s, DF_PREDICTION_V, 0, &b, N, y, dy) - 9.0) < 1e-6);
  for (int i = 0; i < N; i++)
    {
      int  x = i / 3 % SIZE, row = i / 3 / SIZE;
      bool inside = x > 0 && x < 3 && row > 0 && row < 3;

      assert_true (fabs (dy[i] - (inside ? 2.0 * 3.0 / 12.0 : 0.0)) < 1e-6);
    }
  df_schedule_clear (&s);
}

static void
wrong_configurations_are_named (void **state)
{
  static const struct { const char *text, *says; } cases[] = {
    { "{\"learning_rat\": 1}", "learning_rat" },
    { "{\"learning_rate\": -1}", "learning_rate" },
    { "{\"phases\": []}", "phases" },
    { "{\"phases\": [{\"size\": 7, \"batch\": 1, \"share\": 1}]}", "multiple" },
    { "[1]", "not a JSON object" },
    { "{\"unet\": {\"act_fn\": \"gelu\"}}", "gelu" },
  };
  df_trainer *trainer;
  df_error    err;

  (void) state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
      assert_int_not_equal (df_trainer_new (&trainer, cases[i].text, pictures, CLASSES, class_names, CLASSES, NULL, &err),
                            DF_OK);
      if (strstr (err.text, cases[i].says) == NULL)
        fail_msg ("%s gave: %s", cases[i].text, err.text);
    }
  assert_int_equal (df_trainer_new (&trainer, NULL, pictures, 0, class_names, CLASSES, NULL, &err), DF_ERROR_ARGUMENT);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (losses_follow_torch),
    cmocka_unit_test (resumed_is_uninterrupted),
    cmocka_unit_test (the_margin_is_left_out),
    cmocka_unit_test (wrong_configurations_are_named),
  };

  make_pictures ();
  return cmocka_run_group_tests (tests, NULL, NULL);
}
