/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Schedules, spacings, single steps, torch's generator and the loops of diffusers' own scheduler tests, against
 * tests/reference/make_scheduler_vectors.py. */
#include "vectors.h"

#include "base/alloc.h"
#include "base/rng.h"
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

/* A table at zero SNR is asked for without its prediction type, which a model would have to name. */
static df_scheduler_config
config_from (yyjson_val *options)
{
  df_scheduler_config c;
  yyjson_mut_doc     *doc = yyjson_mut_doc_new (NULL);
  yyjson_mut_val     *copy = yyjson_val_mut_copy (doc, options);
  size_t              size;
  char               *text;
  df_error            err;

  if (yyjson_mut_obj_get (copy, "rescale_betas_zero_snr") != NULL)
    yyjson_mut_obj_add_str (doc, copy, "prediction_type", "v_prediction");
  text = yyjson_mut_val_write (copy, 0, &size);
  yyjson_mut_doc_free (doc);
  if (df_scheduler_config_parse (&c, text, size, "vectors", &err) != DF_OK)
    fail_msg ("%s", err.text);
  free (text);
  return c;
}

static df_schedule
schedule_from (yyjson_val *options)
{
  df_scheduler_config c = config_from (options);
  df_schedule         s;

  assert_int_equal (df_schedule_init (&s, &c, NULL), DF_OK);
  df_scheduler_config_clear (&c);
  return s;
}

static const char *
text_of (yyjson_val *entry, const char *key)
{
  const char *text = yyjson_get_str (yyjson_obj_get (entry, key));

  assert_non_null (text);
  return text;
}

static double
number_of (yyjson_val *entry, const char *key)
{
  return yyjson_get_num (yyjson_obj_get (entry, key));
}

static void
alphas_cumprod_tables (void **state)
{
  yyjson_doc *doc    = vectors_manifest ("schedules");
  yyjson_val *tables = yyjson_obj_get (yyjson_doc_get_root (doc), "tables");

  (void) state;
  assert_int_equal (yyjson_arr_size (tables), 5);
  for (size_t i = 0; i < yyjson_arr_size (tables); i++)
    {
      yyjson_val   *entry = yyjson_arr_get (tables, i), *tolerance = yyjson_obj_get (entry, "tolerance");
      df_schedule   s     = schedule_from (yyjson_obj_get (entry, "scheduler"));
      vectors_array want  = vectors_load ("schedules", text_of (entry, "alphas_cumprod"));

      assert_int_equal (want.count, s.T);
      /* At zero SNR √ᾱ is a difference of nearly equal numbers, in which a last bit of either shows. */
      for (size_t t = 0; t < want.count; t++)
        {
          double error = fabs ((double) s.alphas_cumprod[t] - want.data[t]);
          bool   zero  = strstr (text_of (entry, "name"), "zero-snr") != NULL;

          assert_true (error <= number_of (tolerance, "relative") * want.data[t] + number_of (tolerance, "absolute") ||
                       (zero && error <= fmax (3e-6 * want.data[t], 1e-8 * sqrt (want.data[t]))));
        }
      df_schedule_clear (&s);
      df_free (want.data);
    }
  yyjson_doc_free (doc);
}

static void
spacings (void **state)
{
  yyjson_doc *doc  = vectors_manifest ("schedules");
  yyjson_val *list = yyjson_obj_get (yyjson_doc_get_root (doc), "spacings");

  (void) state;
  assert_true (yyjson_arr_size (list) > 20);
  for (size_t i = 0; i < yyjson_arr_size (list); i++)
    {
      yyjson_val  *entry = yyjson_arr_get (list, i), *want = yyjson_obj_get (entry, "timesteps");
      int          steps = (int) number_of (entry, "steps"), offset = (int) number_of (entry, "steps_offset");
      df_spacing   spacing;
      df_timesteps got;
      df_status    status;

      assert_true (df_spacing_parse (text_of (entry, "spacing"), &spacing));
      status = df_timesteps_whole (&got, spacing, 1000, steps, offset, NULL);
      if (yyjson_get_int (yyjson_arr_get (want, 0)) > 999)     /* diffusers runs off its table; we refuse */
        {
          assert_int_equal (status, DF_ERROR_ARGUMENT);
          continue;
        }
      assert_int_equal (status, DF_OK);
      assert_int_equal (got.count, yyjson_arr_size (want));
      for (int j = 0; j < got.count; j++)
        assert_int_equal (got.t[j], yyjson_get_int (yyjson_arr_get (want, (size_t) j)));
      df_timesteps_clear (&got);
    }
  yyjson_doc_free (doc);
}

/* core.md §1.2: the DDIM authors' quadratic list; DESIGN §5: 400 in 4. */
static void
quadratic_and_partial_lists (void **state)
{
  static const int quad10[] = { 800, 632, 483, 355, 246, 158, 88, 39, 9, 0, -1 };
  static const int part4[]  = { 400, 300, 199, 99, -1 };
  df_timesteps     list;

  (void) state;
  assert_int_equal (df_timesteps_whole (&list, DF_SPACING_QUAD, 1000, 10, 0, NULL), DF_OK);
  assert_memory_equal (list.t, quad10, sizeof quad10);
  df_timesteps_clear (&list);
  assert_int_equal (df_timesteps_partial (&list, DF_SPACING_LINEAR, 400, 4, NULL), DF_OK);
  assert_memory_equal (list.t, part4, sizeof part4);
  df_timesteps_clear (&list);
  for (int start = 0; start < 60; start++)
    for (int steps = 1; steps <= start + 1; steps++)
      for (int quad = 0; quad < 2; quad++)
        {
          assert_int_equal (df_timesteps_partial (&list, quad ? DF_SPACING_QUAD : DF_SPACING_LINEAR, start, steps, NULL),
                            DF_OK);
          assert_int_equal (list.t[0], start);
          for (int i = 0; i < steps; i++)
            assert_true (list.t[i] > list.t[i + 1]);
          df_timesteps_clear (&list);
        }
  assert_int_equal (df_timesteps_partial (&list, DF_SPACING_LINEAR, 3, 5, NULL), DF_ERROR_ARGUMENT);
}

/* ------------------------------------------------------------------ single steps */

static df_prediction
prediction_of (yyjson_val *entry)
{
  const char *word = text_of (entry, "prediction_type");

  return strcmp (word, "epsilon") == 0 ? DF_PREDICTION_EPSILON
         : strcmp (word, "sample") == 0 ? DF_PREDICTION_SAMPLE : DF_PREDICTION_V;
}

static df_schedule
schedule_named (const char *name)
{
  bool                linear = strcmp (name, "linear") == 0;
  df_scheduler_config c = { .num_train_timesteps = 1000, .beta_start = 1e-4, .beta_end = 0.02,
                            .beta_schedule = linear ? DF_BETA_LINEAR : DF_BETA_SQUAREDCOS_CAP_V2 };
  df_schedule         s;

  assert_true (linear || strcmp (name, "squaredcos-cap-v2") == 0);
  assert_int_equal (df_schedule_init (&s, &c, NULL), DF_OK);
  return s;
}

static df_transition
transition_of (yyjson_val *entry)
{
  df_schedule   s = schedule_named (text_of (entry, "schedule"));
  df_transition at = { .t = (int) number_of (entry, "t"), .prev = (int) number_of (entry, "prev_t"), .compat = true };

  at.last      = at.prev < 0;
  at.abar      = df_schedule_abar (&s, at.t);
  at.abar_prev = df_schedule_abar (&s, at.prev);
  df_schedule_clear (&s);
  return at;
}

static bool
close_to (const float *got, const float *want, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!(fabs ((double) got[i] - want[i]) <= 1e-5 * (1.0 + fabs (want[i]))))
      return false;
  return true;
}

static void
check_steps (const char *kind, size_t expected)
{
  yyjson_doc   *doc   = vectors_manifest ("steps");
  yyjson_val   *root  = yyjson_doc_get_root (doc), *set = yyjson_obj_get (root, kind);
  yyjson_val   *cases = yyjson_obj_get (set, "cases");
  vectors_array x = vectors_load ("steps", text_of (root, "x")), y = vectors_load ("steps", text_of (root, "output"));
  vectors_array z = vectors_load ("steps", text_of (root, "noise"));
  vectors_array prev = vectors_load ("steps", text_of (set, "prev")), x0 = vectors_load ("steps", text_of (set, "x0"));
  float        *out = df_alloc (x.count, sizeof *out), *estimate = df_alloc (x.count, sizeof *estimate);

  assert_int_equal (yyjson_arr_size (cases), expected);
  for (size_t i = 0; i < expected; i++)
    {
      yyjson_val   *entry = yyjson_arr_get (cases, i);
      df_transition at    = transition_of (entry);
      size_t        row   = (size_t) number_of (entry, "row") * x.count;
      df_step_io    io    = { .x = x.data, .output = y.data, .z = z.data, .n = x.count, .channels = 3,
                              .prediction = prediction_of (entry), .clip_range = 1, .x0 = estimate, .out = out };
      df_coefs      c;

      assert_true (df_clip_parse (text_of (entry, "clip"), &io.clip));
      if (strcmp (kind, "ddim") == 0)
        c = df_ddim_coefs (&at, number_of (entry, "eta"), false);
      else
        c = df_ddpm_coefs (&at, strcmp (text_of (entry, "variance_type"), "fixed_large") == 0
                                  ? DF_VARIANCE_FIXED_LARGE : DF_VARIANCE_FIXED_SMALL);
      df_step_apply (&c, &io);
      if (!close_to (out, prev.data + row, x.count) || !close_to (estimate, x0.data + row, x.count))
        fail_msg ("%s case %zu differs (t = %d)", kind, i, at.t);
    }
  df_free (x.data); df_free (y.data); df_free (z.data); df_free (prev.data); df_free (x0.data);
  df_free (out); df_free (estimate);
  yyjson_doc_free (doc);
}

static void
ddim_steps (void **state)
{
  (void) state;
  check_steps ("ddim", 135);
}

static void
ddpm_steps (void **state)
{
  (void) state;
  check_steps ("ddpm", 96);
}

static void
noising_is_add_noise (void **state)
{
  yyjson_doc   *doc   = vectors_manifest ("steps");
  yyjson_val   *set   = yyjson_obj_get (yyjson_doc_get_root (doc), "add_noise"), *cases = yyjson_obj_get (set, "cases");
  vectors_array x = vectors_load ("steps", text_of (set, "x0")), z = vectors_load ("steps", text_of (set, "noise"));
  vectors_array want = vectors_load ("steps", text_of (set, "rows"));
  float        *out = df_alloc (x.count, sizeof *out);

  (void) state;
  assert_int_equal (yyjson_arr_size (cases), 10);
  for (size_t i = 0; i < 10; i++)
    {
      yyjson_val *entry = yyjson_arr_get (cases, i);
      df_schedule s     = schedule_named (text_of (entry, "schedule"));

      df_noise_apply (df_schedule_abar (&s, number_of (entry, "t")), x.data, z.data, x.count, out);
      assert_true (close_to (out, want.data + (size_t) number_of (entry, "row") * x.count, x.count));
      df_schedule_clear (&s);
    }
  df_free (x.data); df_free (z.data); df_free (want.data); df_free (out);
  yyjson_doc_free (doc);
}

/* core.md §2.4: the variances that diffusers' own tests name. */
static void
variances_as_diffusers_names_them (void **state)
{
  yyjson_doc *doc  = vectors_manifest ("steps");
  yyjson_val *list = yyjson_obj_get (yyjson_doc_get_root (doc), "variances");
  df_schedule s    = schedule_named ("linear");

  (void) state;
  assert_int_equal (yyjson_arr_size (list), 4);
  for (size_t i = 0; i < 4; i++)
    {
      yyjson_val   *entry = yyjson_arr_get (list, i);
      df_transition at    = { .t = (int) number_of (entry, "t"), .prev = (int) number_of (entry, "prev_t") };
      bool          ddim  = strcmp (text_of (entry, "scheduler"), "DDIMScheduler") == 0;
      df_coefs      c;

      at.abar      = df_schedule_abar (&s, at.t);
      at.abar_prev = df_schedule_abar (&s, at.prev);
      c = ddim ? df_ddim_coefs (&at, 1.0, false) : df_ddpm_coefs (&at, DF_VARIANCE_FIXED_SMALL);
      assert_true (fabs ((double) c.noise * c.noise - number_of (entry, "variance")) < 1e-5);
    }
  df_schedule_clear (&s);
  yyjson_doc_free (doc);
}

/* ------------------------------------------------------------------ generator and loops */

static void
torch_generator (void **state)
{
  yyjson_doc *doc   = vectors_manifest ("rng");
  yyjson_val *cases = yyjson_obj_get (yyjson_doc_get_root (doc), "cases");

  (void) state;
  assert_int_equal (yyjson_arr_size (cases), 15);
  for (size_t i = 0; i < 15; i++)
    {
      yyjson_val   *entry = yyjson_arr_get (cases, i);
      vectors_array want  = vectors_load ("rng", text_of (entry, "draws"));
      size_t        n     = (size_t) number_of (entry, "n");
      float        *got   = df_alloc (n, sizeof *got);
      df_torch_rng  rng;

      df_torch_seed (&rng, (uint64_t) number_of (entry, "seed"));
      for (int draw = 0; draw < 2; draw++)
        {
          df_torch_randn (&rng, got, n);
          for (size_t j = 0; j < n; j++)
            assert_true (fabs ((double) got[j] - want.data[(size_t) draw * n + j]) <= 2e-6);
        }
      df_free (got);
      df_free (want.data);
    }
  yyjson_doc_free (doc);
}

/* One of diffusers' scheduler tests: the network is x·t/(t+1). */
static double
run_loop (yyjson_val *entry, const vectors_array *sample, const vectors_array *noise)
{
  yyjson_val         *options = yyjson_obj_get (entry, "options"), *times = yyjson_obj_get (entry, "timesteps");
  df_scheduler_config config  = config_from (options);
  df_schedule         s;
  bool                ddim = strncmp (text_of (entry, "name"), "ddim", 4) == 0;
  size_t              n = sample->count, steps = yyjson_arr_size (times);
  float              *x = df_alloc (n, sizeof *x), *y = df_alloc (n, sizeof *y), *z = df_alloc (n, sizeof *z);
  float              *x0 = df_alloc (n, sizeof *x0);
  double              sum = 0;
  df_torch_rng        rng;

  assert_int_equal (df_schedule_init (&s, &config, NULL), DF_OK);
  memcpy (x, sample->data, n * sizeof *x);
  df_torch_seed (&rng, 0);
  if (yyjson_get_bool (yyjson_obj_get (options, "noise")))
    df_noise_apply (s.alphas_cumprod[yyjson_get_int (yyjson_arr_get (times, 0))], x, noise->data, n, x);
  for (size_t i = 0; i < steps; i++)
    {
      int           t  = yyjson_get_int (yyjson_arr_get (times, i));
      df_transition at = { .t = t, .prev = ddim ? t - 100 : t - 1, .compat = true };
      df_step_io    io = { .x = x, .output = y, .z = z, .n = n, .channels = 3, .prediction = config.prediction_type,
                           .clip = DF_CLIP_CLIP, .clip_range = 1, .x0 = x0, .out = x };
      df_coefs      c;

      at.abar      = s.alphas_cumprod[t];
      at.abar_prev = at.prev >= 0 ? s.alphas_cumprod[at.prev] : ddim && !config.set_alpha_to_one ? s.alphas_cumprod[0] : 1;
      c = ddim ? df_ddim_coefs (&at, 0.0, false) : df_ddpm_coefs (&at, DF_VARIANCE_FIXED_SMALL);
      for (size_t j = 0; j < n; j++)
        y[j] = x[j] * (float) t / (float) (t + 1);
      if (c.noise != 0.0f)
        df_torch_randn (&rng, z, n);
      df_step_apply (&c, &io);
    }
  for (size_t j = 0; j < n; j++)
    sum += fabs (x[j]);
  df_schedule_clear (&s);
  df_scheduler_config_clear (&config);
  df_free (x); df_free (y); df_free (z); df_free (x0);
  return sum;
}

/* DDIMInverseScheduler's: from the level behind t up to t, the network sees t. Diffusers leaves ε as it is when it
 * clips x̂_0. */
static double
run_inverse (yyjson_val *entry, const vectors_array *sample)
{
  yyjson_val         *times  = yyjson_obj_get (entry, "timesteps");
  df_scheduler_config config = config_from (yyjson_obj_get (entry, "options"));
  df_schedule         s;
  size_t              n = sample->count;
  float              *x = df_alloc (n, sizeof *x), *y = df_alloc (n, sizeof *y), *x0 = df_alloc (n, sizeof *x0);
  double              sum = 0;

  assert_int_equal (df_schedule_init (&s, &config, NULL), DF_OK);
  memcpy (x, sample->data, n * sizeof *x);
  for (size_t i = 0; i < yyjson_arr_size (times); i++)
    {
      int           t  = yyjson_get_int (yyjson_arr_get (times, i));
      df_transition at = { .t = t - 100, .prev = t, .compat = true };
      df_step_io    io = { .x = x, .output = y, .n = n, .channels = 3, .prediction = config.prediction_type,
                           .clip = DF_CLIP_CLIP, .clip_range = 1, .x0 = x0, .out = x };
      df_coefs      c;

      at.abar      = at.t >= 0 ? s.alphas_cumprod[at.t] : config.set_alpha_to_one ? 1 : s.alphas_cumprod[0];
      at.abar_prev = s.alphas_cumprod[t];
      c = df_ddim_coefs (&at, 0.0, false);
      for (size_t j = 0; j < n; j++)
        y[j] = x[j] * (float) t / (float) (t + 1);
      df_step_apply (&c, &io);
    }
  for (size_t j = 0; j < n; j++)
    sum += fabs (x[j]);
  df_schedule_clear (&s);
  df_scheduler_config_clear (&config);
  df_free (x); df_free (y); df_free (x0);
  return sum;
}

static void
loops_of_diffusers_tests (void **state)
{
  yyjson_doc   *doc   = vectors_manifest ("loops");
  yyjson_val   *root  = yyjson_doc_get_root (doc), *cases = yyjson_obj_get (root, "cases");
  vectors_array sample = vectors_load ("loops", text_of (root, "sample"));
  vectors_array noise  = vectors_load ("loops", text_of (root, "noise"));
  int           run    = 0;

  (void) state;
  for (size_t i = 0; i < yyjson_arr_size (cases); i++)
    {
      yyjson_val *entry = yyjson_arr_get (cases, i);
      double      sum;

      sum = strncmp (text_of (entry, "name"), "inverse", 7) == 0 ? run_inverse (entry, &sample)
                                                                 : run_loop (entry, &sample, &noise);
      print_message ("%-20s %.4f (diffusers %.4f)\n", text_of (entry, "name"), sum, number_of (entry, "sum"));
      assert_true (fabs (sum - number_of (entry, "sum")) < 1e-2);
      run++;
    }
  assert_int_equal (run, 12);
  df_free (sample.data);
  df_free (noise.data);
  yyjson_doc_free (doc);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (alphas_cumprod_tables),
    cmocka_unit_test (spacings),
    cmocka_unit_test (quadratic_and_partial_lists),
    cmocka_unit_test (ddim_steps),
    cmocka_unit_test (ddpm_steps),
    cmocka_unit_test (noising_is_add_noise),
    cmocka_unit_test (variances_as_diffusers_names_them),
    cmocka_unit_test (torch_generator),
    cmocka_unit_test (loops_of_diffusers_tests),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
