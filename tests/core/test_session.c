/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A whole run through the public header, on a small random model that is saved and opened as users' models are: same
 * seed same bytes, however it is run; every way out leaves a usable session; memory is what was forecast. */
#define _GNU_SOURCE   /* mkdtemp, nftw */
#include "base/alloc.h"
#include "base/rng.h"
#include "fixture.h"
#include "process/evaluator.h"
#include "process/step.h"

#include <ftw.h>
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { SIDE = 8, CHANNELS = 3, ROW = SIDE * SIDE * CHANNELS, CLASSES = 3, NULL_CLASS = CLASSES, MOST = 3 };

static df_model *model;        /* conditional, with a null class; v prediction */
static df_model *plain;        /* unconditional; ε prediction                  */
static df_model *damaged;      /* its last weights overflow                     */
static char      folder[] = "/tmp/gimp-diffusion-test-XXXXXX";
static float     pictures[MOST * ROW];

/* ------------------------------------------------------------------ models */

static void
save_model (const char *path, const df_unet_config *config, df_prediction prediction, bool damage)
{
  df_scheduler_config scheduler = { .num_train_timesteps = 1000, .beta_start = 1e-4, .beta_end = 0.02,
                                    .prediction_type = prediction, .clip_sample_range = 1, .set_alpha_to_one = true };
  df_card             card;
  df_graph            graph;
  fixture_rng         rng = { 21 };
  fixture_params      params;
  df_weight          *weights;

  df_card_empty (&card);
  card.null_class = config->num_class_embeds > 0 ? NULL_CLASS : -1;
  assert_int_equal (df_graph_build (&graph, config, NULL), DF_OK);
  params  = fixture_params_new (&graph, &rng);
  weights = df_alloc ((size_t) graph.num_params, sizeof *weights);
  for (int i = 0; i < graph.num_params; i++)
    {
      const df_param *p = &graph.params[i];

      weights[i] = (df_weight) { .name = p->name, .dims = p->dims, .count = p->count, .data = params.as_file[i] };
      memcpy (weights[i].shape, p->shape, sizeof p->shape);
      if (strncmp (p->name, "conv_out.", 9) == 0)
        for (size_t j = 0; j < p->count; j++)
          params.as_file[i][j] = damage ? 3e38f : 0.5f * params.as_file[i][j];
    }
  assert_int_equal (df_model_save (path, config, &scheduler, &card, weights, (size_t) graph.num_params, false, NULL),
                    DF_OK);
  df_free (weights);
  fixture_params_free (&params);
  df_graph_clear (&graph);
}

static df_model *
make_model (const char *name, int classes, df_prediction prediction, bool damage)
{
  df_unet_config config = fixture_config ();
  df_model      *out;
  df_error       err;
  char           path[256];

  config.num_class_embeds = classes;
  config.add_attention    = true;
  snprintf (path, sizeof path, "%s/%s", folder, name);
  save_model (path, &config, prediction, damage);
  if (df_model_open (&out, path, &err) != DF_OK)
    fail_msg ("%s", err.text);
  return out;
}

static int
set_up (void **state)
{
  fixture_rng rng = { 77 };

  (void) state;
  mallopt (M_MMAP_MAX, 0);      /* whole pages would blur what is counted */
  assert_non_null (mkdtemp (folder));
  model   = make_model ("conditional", CLASSES + 1, DF_PREDICTION_V, false);
  plain   = make_model ("plain", 0, DF_PREDICTION_EPSILON, false);
  damaged = make_model ("damaged", 0, DF_PREDICTION_EPSILON, true);
  for (int i = 0; i < MOST * ROW; i++)
    pictures[i] = (float) (0.9 * fixture_uniform (&rng));
  return 0;
}

static int
remove_one (const char *path, const struct stat *info, int kind, struct FTW *walk)
{
  (void) info;
  (void) kind;
  (void) walk;
  return remove (path);
}

static int
tear_down (void **state)
{
  (void) state;
  df_model_close (model);
  df_model_close (plain);
  df_model_close (damaged);
  return nftw (folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ------------------------------------------------------------------ runs */

enum { KINDS = 6 };

/* One of the ways to run: samplers, from noise, from a picture, guided, tiled. */
static df_request
request_of (int kind)
{
  df_request r;

  df_request_default (model, &r);
  r.steps   = 4;
  r.spacing = DF_SPACING_TRAILING;
  r.label   = 1;
  r.threads = 1;
  r.clip    = DF_CLIP_REDERIVE;
  r.sampler = kind == 1 || kind == 3 ? DF_SAMPLER_DDPM : DF_SAMPLER_DDIM;
  r.eta     = kind == 2 ? 0.7 : 0.0;
  r.guidance = kind == 2 || kind == 5 ? 2.5 : 1.0;
  if (kind >= 3)
    {
      r.start_t = 400;
      r.spacing = DF_SPACING_LINEAR;
    }
  if (kind == 4)
    r.variance = DF_VARIANCE_SIGMA_HAT;
  r.tile_x = kind == 5;
  return r;
}

static df_session *
session_of (const df_request *r)
{
  df_session *session;
  df_error    err;

  if (df_session_new (&session, model, r, &err) != DF_OK)
    fail_msg ("%s", err.text);
  return session;
}

static void
run (const df_request *r, const df_input *input, float *out)
{
  df_session *session = session_of (r);
  df_error    err;

  if (df_run (session, input, NULL, out, &err) != DF_OK)
    fail_msg ("%s", err.text);
  df_session_free (session);
}

/* A selection that has every kind of pixel: known, partly and wholly released. */
static const float *
some_mask (void)
{
  static float mask[SIDE * SIDE];

  for (int i = 0; i < SIDE * SIDE; i++)
    mask[i] = (float) (i % SIDE) / (SIDE - 1);
  return mask;
}

static df_input
input_of (const df_request *r, uint64_t seed)
{
  return (df_input) { .seed = seed, .x0 = pictures, .mask = r->start_t >= 0 ? some_mask () : NULL };
}

static void
the_same_seed_gives_the_same_bytes (void **state)
{
  (void) state;
  for (int kind = 0; kind < KINDS; kind++)
    {
      df_request  r = request_of (kind);
      df_input    input = input_of (&r, 5), other = input_of (&r, 6);
      df_session *session = session_of (&r);
      float       a[ROW], b[ROW], c[ROW];

      assert_int_equal (df_run (session, &input, NULL, a, NULL), DF_OK);
      assert_int_equal (df_run (session, &other, NULL, b, NULL), DF_OK);
      assert_memory_not_equal (a, b, sizeof a);
      assert_int_equal (df_run (session, &input, NULL, b, NULL), DF_OK);    /* the session leaves nothing behind */
      assert_memory_equal (a, b, sizeof a);
      run (&r, &input, c);
      assert_memory_equal (a, c, sizeof a);
      df_session_free (session);
    }
}

static void
threads_do_not_change_a_bit (void **state)
{
  (void) state;
  for (int kind = 0; kind < KINDS; kind++)
    {
      df_request r = request_of (kind);
      df_input   input = input_of (&r, 5);
      float      one[ROW], more[ROW];

      run (&r, &input, one);
      for (r.threads = 2; r.threads <= 5; r.threads += 3)
        {
          run (&r, &input, more);
          assert_memory_equal (one, more, sizeof one);
        }
    }
}

/* Rows have the seeds N, N+1, …, and know nothing of each other. */
static void
a_batch_of_three_is_three_runs (void **state)
{
  (void) state;
  for (int kind = 0; kind < KINDS; kind++)
    {
      df_request r = request_of (kind);
      df_input   input = input_of (&r, 11);
      float      all[MOST * ROW], one[ROW];

      r.batch = MOST;
      run (&r, &input, all);
      r.batch = 1;
      for (int b = 0; b < MOST; b++)
        {
          input.seed = 11 + (uint64_t) b;
          input.x0   = pictures + b * ROW;
          run (&r, &input, one);
          assert_memory_equal (all + b * ROW, one, sizeof one);
        }
    }
}

/* Ho & Salimans 2022: u + g·(c - u), evaluated in one batch of two. */
static void
guidance_is_between_and_beyond (void **state)
{
  df_request   r = request_of (0);
  df_session  *session = session_of (&r);
  df_pool     *pool = df_pool_new (1);
  df_evaluator evaluator;
  float        with[ROW], without[ROW], got[ROW];
  int          label = 2, none = NULL_CLASS;
  double       t = 345.0;

  (void) state;
  r.label    = label;
  r.guidance = 3.0;
  assert_int_equal (df_predict (session, pictures, &t, &label, with, NULL), DF_OK);
  assert_int_equal (df_predict (session, pictures, &t, &none, without, NULL), DF_OK);
  assert_memory_not_equal (with, without, sizeof with);
  assert_int_equal (df_evaluator_new (&evaluator, model, &r, pool, NULL), DF_OK);
  assert_int_equal (df_evaluate (&evaluator, pictures, t, NULL, got, NULL), DF_OK);
  for (int i = 0; i < ROW; i++)
    assert_true (got[i] == without[i] + 3.0f * (with[i] - without[i]));
  df_evaluator_clear (&evaluator);
  df_pool_free (pool);
  df_session_free (session);
}

/* A run is: noise 0, then for each step evaluate, coefficients, noise of its number, combine; written out here. */
static void
a_run_is_its_steps (void **state)
{
  df_request     r = request_of (1);
  df_noise_field field = { .seed = 14 };
  df_session    *session = session_of (&r);
  float          x[ROW], y[ROW], z[ROW], x0[ROW], got[ROW];
  df_step_io     io = { .x = x, .output = y, .z = z, .n = ROW, .channels = CHANNELS, .prediction = DF_PREDICTION_V,
                        .clip = DF_CLIP_REDERIVE, .clip_range = 1.0, .x0 = x0, .out = x };

  (void) state;
  df_noise_fill (&field, SIDE, SIDE, CHANNELS, x);
  for (int i = 0; i < df_session_steps (session); i++)
    {
      int           t = df_session_timestep (session, i), prev = df_session_timestep (session, i + 1);
      df_level      from = df_level_at (model, t), to = df_level_at (model, prev);
      df_transition at = { .t = t, .prev = prev, .abar = from.sqrt_alpha * from.sqrt_alpha,
                           .abar_prev = to.sqrt_alpha * to.sqrt_alpha, .last = prev < 0 };
      df_coefs      c = df_ddpm_coefs (&at, DF_VARIANCE_FIXED_SMALL);

      assert_int_equal (df_predict (session, x, &(double) { t }, NULL, y, NULL), DF_OK);
      field.transition++;
      df_noise_fill (&field, SIDE, SIDE, CHANNELS, z);
      df_step_apply (&c, &io);
    }
  assert_int_equal (df_run (session, &(df_input) { .seed = 14 }, NULL, got, NULL), DF_OK);
  for (int i = 0; i < ROW; i++)
    assert_true (fabs ((double) got[i] - x[i]) < 1e-5);
  df_session_free (session);
}

/* Encoding goes from the clean picture up, and the network is asked at the level that it leads to. */
static void
encoding_asks_at_the_level_above (void **state)
{
  df_request  r = request_of (0);
  df_level    level = df_level_at (model, 500.0);
  df_session *session;
  float       v[ROW], got[ROW];
  int         list[] = { 500 };

  (void) state;
  r.encode        = true;
  r.timesteps     = list;
  r.num_timesteps = 1;
  session         = session_of (&r);
  assert_int_equal (df_session_timestep (session, 0), -1);
  assert_int_equal (df_session_timestep (session, 1), 500);
  assert_int_equal (df_predict (session, pictures, &(double) { 500.0 }, NULL, v, NULL), DF_OK);
  assert_int_equal (df_run (session, &(df_input) { .x0 = pictures }, NULL, got, NULL), DF_OK);
  for (int i = 0; i < ROW; i++)     /* at the clean picture v is ε */
    assert_true (fabs (got[i] - (level.sqrt_alpha * pictures[i] + level.sqrt_sigma * v[i])) < 1e-5);
  df_session_free (session);
}

/* ------------------------------------------------------------------ progress and cancel */

typedef struct watch { int calls, stop_at; double last; } watch;

static bool
look (void *user, double fraction)
{
  watch *w = user;

  assert_true (fraction >= w->last && fraction <= 1.0);
  w->last = fraction;
  return ++w->calls != w->stop_at;
}

static void
progress_rises_to_the_end (void **state)
{
  df_request  r = request_of (3);
  df_input    input = input_of (&r, 5);
  df_session *session = session_of (&r);
  watch       seen = { 0 };
  float       with[ROW], without[ROW];

  (void) state;
  assert_int_equal (df_run (session, &input, &(df_progress) { look, &seen }, with, NULL), DF_OK);
  assert_true (seen.calls > 20 && seen.last > 0.95);
  run (&r, &input, without);
  assert_memory_equal (with, without, sizeof with);
  df_session_free (session);
}

/* Stopped anywhere: the session stands at the end of the last whole step, can say what it has, and can go on. */
static void
cancel_leaves_the_last_whole_step (void **state)
{
  (void) state;
  for (int kind = 0; kind < KINDS; kind++)
    for (int stop = 1; stop < 90; stop += 11)
      {
        df_request  r = request_of (kind);
        df_input    input = input_of (&r, 5);
        df_session *session = session_of (&r);
        watch       seen = { .stop_at = stop };
        float       whole[ROW], before[ROW], after[ROW], out[ROW];
        df_status   status;
        int         step;

        run (&r, &input, whole);
        assert_int_equal (df_begin (session, &input, NULL), DF_OK);
        do
          {
            step = df_session_step (session);
            df_estimate (session, before);
            status = df_step (session, &(df_progress) { look, &seen }, NULL);
          }
        while (status == DF_OK);
        df_estimate (session, after);
        assert_int_equal (status, seen.calls >= stop ? DF_CANCELLED : DF_DONE);
        assert_int_equal (df_session_step (session), step);
        assert_memory_equal (before, after, sizeof before);
        assert_int_equal (df_finish (session, out, NULL), DF_OK);
        while ((status = df_step (session, NULL, NULL)) == DF_OK)
          ;
        assert_int_equal (status, DF_DONE);
        assert_int_equal (df_finish (session, out, NULL), DF_OK);
        assert_memory_equal (out, whole, sizeof out);
        df_session_free (session);
      }
}

static void
calls_in_the_wrong_order (void **state)
{
  df_request  r = request_of (3);
  df_session *session = session_of (&r);
  df_input    empty = { .seed = 1 };
  df_error    err;
  float       out[ROW];

  (void) state;
  assert_int_equal (df_step (session, NULL, &err), DF_ERROR_ARGUMENT);
  assert_int_equal (df_begin (session, &empty, &err), DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "picture"));
  empty.x0 = pictures;
  assert_int_equal (df_run (session, &empty, NULL, out, &err), DF_OK);
  assert_int_equal (df_step (session, NULL, &err), DF_DONE);
  assert_int_equal (df_session_steps (session), 4);
  assert_int_equal (df_session_step (session), 4);
  assert_int_equal (df_session_timestep (session, 0), 400);
  assert_int_equal (df_session_timestep (session, 3), 99);
  assert_int_equal (df_session_timestep (session, 4), -1);
  df_session_free (session);
  df_session_free (NULL);
  r          = request_of (2);
  session    = session_of (&r);
  assert_int_equal (df_predict (session, pictures, &(double) { 3.0 }, NULL, out, &err), DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "guidance"));
  df_session_free (session);
}

/* ------------------------------------------------------------------ memory */

static size_t taken;       /* bytes asked for since it was set to 0 */

/* In the place of the C library's, for df_alloc's calls. */
void *
aligned_alloc (size_t alignment, size_t size)
{
  void *block;

  taken += size;
  return posix_memalign (&block, alignment, size) == 0 ? block : NULL;
}

/* A term of a batch is the mean over its rows, whose seeds follow each other; it takes no memory, ends a run, and is
 * refused where it would mean nothing. */
static void
a_term_of_the_bound (void **state)
{
  df_request    r = request_of (0);
  df_session   *one = session_of (&r), *three;
  int           labels[] = { 0, 2, NULL_CLASS };
  df_bound_term all, row;
  df_input      input = input_of (&r, 5);
  watch         seen = { .stop_at = 1 };
  double        error = 0.0, bits = 0.0;
  df_error      err;

  (void) state;
  r.batch = 3;
  three   = session_of (&r);
  for (int t = 0; t < 1000; t += 333)
    {
      error = bits = 0.0;
      df_alloc_fail_at (0);
      assert_int_equal (df_likelihood_term (three, pictures, labels, t, 7, NULL, &all, NULL), DF_OK);
      for (int b = 0; b < 3; b++)
        {
          assert_int_equal (df_likelihood_term (one, pictures + b * ROW, &labels[b], t, 7 + (uint64_t) b, NULL, &row, NULL),
                            DF_OK);
          error += row.error / 3.0;
          bits  += row.bits[DF_VARIANCE_FIXED_LARGE] / 3.0;
        }
      assert_true (df_alloc_fail_at (0) == 0);
      assert_true (all.t == t && fabs (all.error / error - 1.0) < 1e-12);
      assert_true (fabs (all.bits[DF_VARIANCE_FIXED_LARGE] / bits - 1.0) < 1e-12);
    }
  assert_int_equal (df_begin (one, &input, NULL), DF_OK);
  assert_int_equal (df_likelihood_term (one, pictures, NULL, 1000, 7, NULL, &row, &err), DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "999"));
  assert_int_equal (df_step (one, NULL, NULL), DF_OK);
  assert_int_equal (df_likelihood_term (one, pictures, NULL, 3, 7, &(df_progress) { look, &seen }, &row, &err),
                    DF_CANCELLED);
  assert_int_equal (df_step (one, NULL, &err), DF_ERROR_ARGUMENT);
  df_session_free (one);
  df_session_free (three);
  r   = request_of (2);
  one = session_of (&r);
  assert_int_equal (df_likelihood_term (one, pictures, NULL, 3, 7, NULL, &row, &err), DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "guidance"));
  df_session_free (one);
}

static void
the_forecast_is_what_a_session_takes (void **state)
{
  (void) state;
  for (int kind = 0; kind < KINDS; kind++)
    {
      df_request  r = request_of (kind);
      df_forecast f;
      df_session *session;
      size_t      before, held;

      r.width = r.height = 64;
      r.batch = 2;
      assert_int_equal (df_forecast_run (model, &r, &f, NULL), DF_OK);
      before  = fixture_in_use ();
      session = session_of (&r);
      held    = fixture_in_use () - before;
      if (held > 0 && (held < f.bytes || held > f.bytes + 8192))      /* borders of blocks, the pool */
        fail_msg ("kind %d: forecast %zu bytes, held %zu", kind, f.bytes, held);
      assert_int_equal (f.steps, df_session_steps (session));
      assert_true (f.flops_per_step > 1e6 && f.seconds_per_step > 0.0 && f.seconds_per_step < 10.0);
      df_session_free (session);
    }
}

static void
the_cap_is_kept (void **state)
{
  df_request  r = request_of (0);
  df_forecast f;
  df_session *session;
  df_error    err;
  char        need[32];

  (void) state;
  r.width = r.height = 64;
  assert_int_equal (df_forecast_run (model, &r, &f, NULL), DF_OK);
  r.memory_cap = f.bytes;
  df_session_free (session_of (&r));
  r.memory_cap = f.bytes - 1;
  taken        = 0;
  assert_int_equal (df_session_new (&session, model, &r, &err), DF_ERROR_CAP);
  assert_null (session);
  assert_true (taken < f.bytes / 4);      /* asked before taken */
  snprintf (need, sizeof need, "%.0f MB", ceil ((double) f.bytes / 1e6));
  assert_non_null (strstr (err.text, need));
  assert_non_null (strstr (err.text, "cap"));
}

/* A run allocates nothing, whatever the generator. */
static void
all_memory_is_taken_before_the_first_step (void **state)
{
  (void) state;
  for (int kind = 0; kind < KINDS; kind++)
    for (int rng = DF_RNG_PHILOX; rng <= DF_RNG_TORCH; rng++)
      {
        df_request  r = request_of (kind);
        df_input    input = input_of (&r, 5);
        df_session *session;
        float       out[ROW];

        r.rng   = (df_rng) rng;
        session = session_of (&r);
        (void) df_alloc_fail_at (0);
        assert_int_equal (df_run (session, &input, NULL, out, NULL), DF_OK);
        assert_int_equal (df_alloc_fail_at (0), 0);
        df_session_free (session);
      }
}

/* Every allocation fails once: a clear error, nothing lost, and the next try is as good as the first. */
static void
every_refused_allocation_is_an_error (void **state)
{
  df_request  r = request_of (2);
  df_session *session = NULL;
  df_error    err;
  df_status   status = DF_ERROR_MEMORY;
  size_t      before;
  int         list[] = { 500, 20 };
  double      sigmas[] = { 0.05, 0.0 };
  long        nth;

  (void) state;
  r.timesteps     = list;
  r.num_timesteps = 2;
  r.sigmas        = sigmas;
  r.num_sigmas    = 2;
  df_session_free (session_of (&r));
  before = fixture_in_use ();
  for (nth = 1; status != DF_OK; nth++)
    {
      (void) df_alloc_fail_at (nth);
      memset (&err, 0, sizeof err);
      status = df_session_new (&session, model, &r, &err);
      if (status == DF_OK)
        break;
      assert_int_equal (status, DF_ERROR_MEMORY);
      assert_int_equal (err.status, DF_ERROR_MEMORY);
      assert_true (session == NULL && err.text[0] != '\0');
      assert_true (fixture_in_use () == before);
    }
  (void) df_alloc_fail_at (0);
  assert_true (nth > 20);
  df_session_free (session);
  assert_true (fixture_in_use () == before);
}

static void
noising_and_forecast_without_memory (void **state)
{
  df_request  r = request_of (0);
  df_forecast f;
  size_t      before = fixture_in_use ();
  float       out[ROW];
  df_status   status = DF_ERROR_MEMORY;

  (void) state;
  for (long nth = 1; status != DF_OK; nth++)
    {
      (void) df_alloc_fail_at (nth);
      status = df_noise (model, &r, 5.0, 1, pictures, out, NULL);
      assert_true (status == DF_OK || status == DF_ERROR_MEMORY);
      assert_true (fixture_in_use () == before);
    }
  status = DF_ERROR_MEMORY;
  for (long nth = 1; status == DF_ERROR_MEMORY; nth++)
    {
      (void) df_alloc_fail_at (nth);
      status = df_forecast_run (model, &r, &f, NULL);
      assert_true (status == DF_OK || status == DF_ERROR_MEMORY);
      assert_true (fixture_in_use () == before);
    }
  (void) df_alloc_fail_at (0);
}

/* ------------------------------------------------------------------ the picture */

static void
edge_rule_at_its_ends (void **state)
{
  float ones[SIDE * SIDE], zeros[SIDE * SIDE] = { 0 };

  (void) state;
  for (int i = 0; i < SIDE * SIDE; i++)
    ones[i] = 1.0f;
  for (int kind = 3; kind < KINDS; kind++)
    for (int clip = DF_CLIP_NONE; clip <= DF_CLIP_REDERIVE; clip++)
      {
        df_request r = request_of (kind);
        df_input   input = { .seed = 5, .x0 = pictures };
        float      whole[ROW], out[ROW];

        r.clip = (df_clip) clip;
        run (&r, &input, whole);
        input.mask = ones;
        run (&r, &input, out);
        assert_memory_equal (out, whole, sizeof out);            /* s = 1 is plain partial denoising */
        input.mask = zeros;
        run (&r, &input, out);
        assert_memory_equal (out, pictures, sizeof out);         /* s = 0 is the picture             */
        r.hard_edge_blend = true;
        run (&r, &input, out);
        assert_memory_equal (out, whole, sizeof out);            /* edge blend: no mask in here      */
        r.hard_edge_blend = false;
        input.mask = some_mask ();
        run (&r, &input, out);
        for (int i = 0; i < SIDE * SIDE; i++)
          for (int c = 0; c < CHANNELS; c++)
            if (input.mask[i] == 0.0f)
              assert_true (out[i * CHANNELS + c] == pictures[i * CHANNELS + c]);
            else
              assert_true (out[i * CHANNELS + c] != pictures[i * CHANNELS + c]);
      }
}

/* The estimate before the first step is the picture, with known pixels in their place at any time. */
static void
the_estimate_shows_what_would_be_kept (void **state)
{
  df_request  r = request_of (3);
  df_input    input = input_of (&r, 5);
  df_session *session = session_of (&r);
  float       now[ROW], end[ROW];

  (void) state;
  assert_int_equal (df_begin (session, &input, NULL), DF_OK);
  df_estimate (session, now);
  assert_memory_equal (now, pictures, sizeof now);
  while (df_step (session, NULL, NULL) == DF_OK)
    {
      df_estimate (session, now);
      for (int i = 0; i < SIDE * SIDE; i++)
        if (input.mask[i] == 0.0f)
          assert_memory_equal (now + i * CHANNELS, pictures + i * CHANNELS, CHANNELS * sizeof (float));
    }
  assert_int_equal (df_finish (session, end, NULL), DF_OK);
  assert_memory_equal (now, end, sizeof now);       /* the last step returns x̂_0 */
  df_session_free (session);
}

static void
init_is_the_noise_that_would_be_drawn (void **state)
{
  df_request     r = request_of (1);
  df_noise_field field = { .seed = 9, .origin_x = -3, .origin_y = 12 };
  df_input       drawn = { .seed = 9 }, given = { .seed = 9 };
  float          z[ROW], a[ROW], b[ROW];

  (void) state;
  r.origin_x = -3;
  r.origin_y = 12;
  df_noise_fill (&field, SIDE, SIDE, CHANNELS, z);
  given.init = z;
  run (&r, &drawn, a);
  run (&r, &given, b);
  assert_memory_equal (a, b, sizeof a);
}

/* DDIM encoding and back, by the network itself: the error falls with S (Song 2021, table 2). */
static void
encode_then_decode_returns_the_picture (void **state)
{
  double before = INFINITY;

  (void) state;
  for (int steps = 5; steps <= 625; steps *= 5)
    {
      df_request r = request_of (0);
      df_input   input = { .x0 = pictures };
      float      latent[ROW], out[ROW];
      double     error = 0.0;

      r.steps  = steps;
      r.clip   = DF_CLIP_NONE;
      r.encode = true;
      run (&r, &input, latent);
      r.encode   = false;
      input.init = latent;
      run (&r, &input, out);
      for (int i = 0; i < ROW; i++)
        error += (double) (out[i] - pictures[i]) * (out[i] - pictures[i]) / ROW;
      assert_true (error < 0.3 * before);
      before = error;
    }
  assert_true (before < 1e-4);
}

/* σ(η = 1) given as numbers, and the list of timesteps given as numbers, are the same run; both are copied. */
static void
explicit_lists_are_the_named_ones (void **state)
{
  df_request  r = request_of (0), given;
  df_input    input = { .seed = 3 };
  int         list[4];
  double      sigmas[4];
  df_session *session;
  float       a[ROW], b[ROW];

  (void) state;
  r.eta   = 1.0;
  given   = r;
  session = session_of (&r);
  for (int i = 0; i < 4; i++)
    {
      df_level at, next;

      list[i]   = df_session_timestep (session, i);
      at        = df_level_at (model, list[i]);
      next      = df_level_at (model, df_session_timestep (session, i + 1));
      sigmas[i] = next.sqrt_sigma / at.sqrt_sigma *
                  sqrt (1.0 - at.sqrt_alpha * at.sqrt_alpha / (next.sqrt_alpha * next.sqrt_alpha));
    }
  df_session_free (session);
  run (&r, &input, a);
  given.timesteps     = list;
  given.num_timesteps = 4;
  given.sigmas        = sigmas;
  given.num_sigmas    = 4;
  given.steps         = 0;      /* not looked at */
  session = session_of (&given);
  memset (list, 0, sizeof list);
  memset (sigmas, 0, sizeof sigmas);
  assert_int_equal (df_run (session, &input, NULL, b, NULL), DF_OK);
  for (int i = 0; i < ROW; i++)
    assert_true (fabs ((double) a[i] - b[i]) < 1e-5);
  df_session_free (session);
}

/* On a torus nothing has a place of its own: the noise field shifted by a multiple is the picture shifted. */
static void
tiled_pictures_shift_with_their_noise (void **state)
{
  enum { W = 16, H = 8, SHIFT_X = 6, SHIFT_Y = 2 };
  df_request r = request_of (1);
  df_input   input = { .seed = 3 };
  float      a[W * H * CHANNELS], b[W * H * CHANNELS];

  (void) state;
  r.width  = W;
  r.height = H;
  r.tile_x = r.tile_y = true;
  run (&r, &input, a);
  r.origin_x = SHIFT_X;
  r.origin_y = SHIFT_Y;
  run (&r, &input, b);
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++)
      for (int c = 0; c < CHANNELS; c++)
        assert_true (fabs ((double) b[(y * W + x) * CHANNELS + c] -
                           a[((y + SHIFT_Y) % H * W + (x + SHIFT_X) % W) * CHANNELS + c]) < 1e-4);
}

/* ------------------------------------------------------------------ noising alone */

/* Ho 2020, eq. 4, with the noise of the first transition's field. */
static void
noising_is_eq_4 (void **state)
{
  df_request r = request_of (0);
  float      z[2 * ROW], out[2 * ROW];
  double     t = 432.0;
  df_level   level = df_level_at (model, t);

  (void) state;
  r.batch    = 2;
  r.origin_x = 100;
  df_noise_fill (&(df_noise_field) { .seed = 6, .origin_x = 100 }, SIDE, SIDE, CHANNELS, z);
  df_noise_fill (&(df_noise_field) { .seed = 7, .origin_x = 100 }, SIDE, SIDE, CHANNELS, z + ROW);
  memcpy (out, pictures, sizeof out);
  assert_int_equal (df_noise (model, &r, t, 6, out, out, NULL), DF_OK);
  for (int i = 0; i < 2 * ROW; i++)
    assert_true (fabs (out[i] - (level.sqrt_alpha * pictures[i] + level.sqrt_sigma * z[i])) < 1e-6);
  assert_int_equal (df_noise (model, &r, -1.0, 6, pictures, out, NULL), DF_OK);
  assert_memory_equal (out, pictures, sizeof out);
  assert_int_equal (df_noise (model, &r, 1000.0, 6, pictures, out, NULL), DF_ERROR_ARGUMENT);
  assert_int_equal (df_noise (model, &r, -2.0, 6, pictures, out, NULL), DF_ERROR_ARGUMENT);
  assert_int_equal (df_noise (model, &r, NAN, 6, pictures, out, NULL), DF_ERROR_ARGUMENT);
}

/* torch draws the batch at once, channel planes first. */
static void
torch_noise_is_one_draw_of_planes (void **state)
{
  df_request   r = request_of (0);
  float        flat[2 * ROW], black[2 * ROW] = { 0 }, out[2 * ROW];
  double       sigma = df_level_at (model, 999.0).sqrt_sigma;
  df_torch_rng torch;

  (void) state;
  r.batch = 2;
  r.rng   = DF_RNG_TORCH;
  df_torch_seed (&torch, 8);
  df_torch_randn (&torch, flat, 2 * ROW);
  assert_int_equal (df_noise (model, &r, 999.0, 8, black, out, NULL), DF_OK);
  for (int b = 0; b < 2; b++)
    for (int p = 0; p < SIDE * SIDE; p++)
      for (int c = 0; c < CHANNELS; c++)
        assert_true (fabs (out[b * ROW + p * CHANNELS + c] - sigma * flat[b * ROW + c * SIDE * SIDE + p]) < 1e-6);
}

static void
levels_of_a_model (void **state)
{
  df_level clean = df_level_at (model, -1.0), half = df_level_at (model, 250.0);

  (void) state;
  assert_true (clean.sqrt_alpha == 1.0 && clean.sqrt_sigma == 0.0 && isinf (clean.snr));
  assert_true (fabs (half.sqrt_alpha * half.sqrt_alpha - 0.521423042) < 1e-6);      /* the table of diffusers */
  assert_true (fabs (half.snr - 0.521423042 / (1.0 - 0.521423042)) < 1e-5);
  assert_int_equal (df_level_find (model, half.sqrt_alpha), 250);
  assert_int_equal (df_model_describe (model)->start_t, df_level_find (model, 0.6));
}

/* ------------------------------------------------------------------ errors */

static void
a_damaged_model_is_found_out (void **state)
{
  df_request  r;
  df_session *session;
  df_error    err;
  float       out[ROW];

  (void) state;
  df_request_default (damaged, &r);
  r.threads = 1;
  assert_int_equal (df_session_new (&session, damaged, &r, &err), DF_OK);
  assert_int_equal (df_run (session, &(df_input) { .seed = 1 }, NULL, out, &err), DF_ERROR_NUMERIC);
  assert_non_null (strstr (err.text, "not finite"));
  assert_int_equal (df_session_step (session), 0);
  df_session_free (session);
}

static void
refused (const df_model *of, const df_request *r, const char *words)
{
  df_session *session;
  df_forecast f;
  df_error    err;

  assert_int_equal (df_session_new (&session, of, r, &err), DF_ERROR_ARGUMENT);
  assert_null (session);
  if (strstr (err.text, words) == NULL)
    fail_msg ("\"%s\" does not say \"%s\"", err.text, words);
  assert_int_equal (df_forecast_run (of, r, &f, &err), DF_ERROR_ARGUMENT);
}

#define REFUSED(change, words)           \
  do                                     \
    {                                    \
      df_request r = request_of (0);     \
                                         \
      change;                            \
      refused (model, &r, words);        \
    }                                    \
  while (0)

static void
wrong_requests_are_refused_in_words (void **state)
{
  static const double too_much[] = { 0.1, 0.1, 0.1, 0.1 }, three[] = { 0, 0, 0 };

  (void) state;
  REFUSED (r.width = 9, "multiples of 2");
  REFUSED (r.height = 0, "multiples of 2");
  REFUSED (r.width = r.height = 1 << 20, "too large");
  REFUSED (r.batch = 0, "batch");
  REFUSED (r.label = CLASSES + 1, "Class 4");
  REFUSED (r.label = -2, "Class -2");
  REFUSED (r.guidance = -1.0, "guidance");
  REFUSED (r.guidance = NAN, "guidance");
  REFUSED ((r.guidance = 2.0, r.compat = true), "compat");
  REFUSED (r.start_t = 1000, "0 to 999");
  REFUSED (r.start_t = -2, "0 to 999");
  REFUSED (r.steps = 0, "1 to 1000");
  REFUSED (r.steps = 1001, "1 to 1000");
  REFUSED ((r.start_t = 3, r.spacing = DF_SPACING_LINEAR, r.steps = 5), "(4)");
  REFUSED ((r.start_t = 3, r.steps = 2), "linear or quad");
  REFUSED (r.eta = 1.5, "0 to 1");
  REFUSED (r.eta = NAN, "0 to 1");
  REFUSED ((r.sampler = DF_SAMPLER_DDPM, r.variance = DF_VARIANCE_SIGMA_HAT), "sigma-hat");
  REFUSED (r.clip_range = 0.0, "clip_range");
  REFUSED ((r.encode = true, r.eta = 0.5), "eta 0");
  REFUSED ((r.encode = true, r.sampler = DF_SAMPLER_DDPM), "ddim");
  REFUSED (r.threads = -1, "threads");
  REFUSED ((r.sigmas = three, r.num_sigmas = 3), "one sigma per step");
  REFUSED ((r.sigmas = too_much, r.num_sigmas = 4), "Sigma 4");
}

static void
an_unconditional_model_has_neither_class_nor_guidance (void **state)
{
  df_request r;
  int        label = 7;
  df_error   err;

  (void) state;
  df_request_default (plain, &r);
  r.label = 0;
  refused (plain, &r, "Class 0");
  r.label    = -1;
  r.guidance = 2.0;
  refused (plain, &r, "null class");
  assert_int_equal (df_model_class (plain, "", &label, &err), DF_OK);
  assert_int_equal (label, -1);
  assert_int_equal (df_model_class (plain, "0", &label, &err), DF_ERROR_ARGUMENT);
}

static void
classes_by_name_and_index (void **state)
{
  int      label = -5;
  df_error err;

  (void) state;
  assert_int_equal (df_model_class (model, "2", &label, &err), DF_OK);
  assert_int_equal (label, 2);
  assert_int_equal (df_model_class (model, "", &label, &err), DF_OK);
  assert_int_equal (label, NULL_CLASS);
  assert_int_equal (df_model_class (model, NULL, &label, &err), DF_OK);
  assert_int_equal (df_model_class (model, "4", &label, &err), DF_ERROR_ARGUMENT);
  assert_int_equal (df_model_class (model, "-1", &label, &err), DF_ERROR_ARGUMENT);
  assert_int_equal (df_model_class (model, "2x", &label, &err), DF_ERROR_ARGUMENT);
  assert_int_equal (df_model_class (model, "marble", &label, &err), DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "marble"));
  assert_int_equal (label, NULL_CLASS);
}

static void
the_default_request_runs (void **state)
{
  df_request     r;
  df_profile_row rows[256];
  df_session    *session;
  double         seconds = 0.0;
  size_t         n;
  float          out[ROW];

  (void) state;
  df_request_default (plain, &r);
  assert_true (r.width == SIDE && r.height == SIDE && r.batch == 1 && r.start_t == -1 && r.steps == 50);
  assert_int_equal (df_session_new (&session, plain, &r, NULL), DF_OK);
  assert_int_equal (df_profile_rows (session, rows, 256), 0);
  df_profile_start (session);
  assert_int_equal (df_run (session, &(df_input) { .seed = 1 }, NULL, out, NULL), DF_OK);
  n = df_profile_rows (session, rows, 256);
  assert_true (n > 20 && n <= 256);
  for (size_t i = 0; i < n; i++)
    {
      assert_true (rows[i].seconds >= 0.0 && rows[i].name[0] != '\0');
      seconds += rows[i].seconds;
    }
  assert_true (seconds > 0.0);
  df_session_free (session);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (the_same_seed_gives_the_same_bytes),
    cmocka_unit_test (threads_do_not_change_a_bit),
    cmocka_unit_test (a_batch_of_three_is_three_runs),
    cmocka_unit_test (guidance_is_between_and_beyond),
    cmocka_unit_test (a_run_is_its_steps),
    cmocka_unit_test (encoding_asks_at_the_level_above),
    cmocka_unit_test (progress_rises_to_the_end),
    cmocka_unit_test (cancel_leaves_the_last_whole_step),
    cmocka_unit_test (calls_in_the_wrong_order),
    cmocka_unit_test (a_term_of_the_bound),
    cmocka_unit_test (the_forecast_is_what_a_session_takes),
    cmocka_unit_test (the_cap_is_kept),
    cmocka_unit_test (all_memory_is_taken_before_the_first_step),
    cmocka_unit_test (every_refused_allocation_is_an_error),
    cmocka_unit_test (noising_and_forecast_without_memory),
    cmocka_unit_test (edge_rule_at_its_ends),
    cmocka_unit_test (the_estimate_shows_what_would_be_kept),
    cmocka_unit_test (init_is_the_noise_that_would_be_drawn),
    cmocka_unit_test (encode_then_decode_returns_the_picture),
    cmocka_unit_test (explicit_lists_are_the_named_ones),
    cmocka_unit_test (tiled_pictures_shift_with_their_noise),
    cmocka_unit_test (noising_is_eq_4),
    cmocka_unit_test (torch_noise_is_one_draw_of_planes),
    cmocka_unit_test (levels_of_a_model),
    cmocka_unit_test (a_damaged_model_is_found_out),
    cmocka_unit_test (wrong_requests_are_refused_in_words),
    cmocka_unit_test (an_unconditional_model_has_neither_class_nor_guidance),
    cmocka_unit_test (classes_by_name_and_index),
    cmocka_unit_test (the_default_request_runs),
  };

  return cmocka_run_group_tests (tests, set_up, tear_down);
}
