/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session: the state of one run behind diffusion.h: begin, step, estimate, finish; df_run is the loop over them. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "ops/conv.h"
#include "process/likelihood.h"
#include "process/request.h"
#include "process/sampler.h"
#include "process/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct df_session
{
  df_sampler_state state;
  df_evaluator     evaluator;
  df_pool         *pool;
  int             *timesteps;     /* copies of the request's lists */
  double          *sigmas;
  bool             begun;
};

const char *
df_kernels_name (void)
{
  return df_isa_name (df_cpu_isa ());
}

/* ------------------------------------------------------------------ model and levels */

df_status
df_model_class (const df_model *model, const char *name, int *out, df_error *err)
{
  const df_model_info *info = &model->info;
  char                *end;
  long                 number;

  if (name == NULL || name[0] == '\0')
    {
      if (model->unet.num_class_embeds > 0 && info->null_class < 0)
        return df_fail (err, DF_ERROR_ARGUMENT, "%s is class-conditional: choose one of its %d classes.", info->title,
                        info->num_classes);
      *out = info->null_class;
      return DF_OK;
    }
  if (model->unet.num_class_embeds == 0)
    return df_fail (err, DF_ERROR_ARGUMENT, "%s has no classes: leave the class empty.", info->title);
  for (int i = 0; i < info->num_classes; i++)
    if (strcmp (name, info->class_names[i]) == 0)
      {
        *out = i;
        return DF_OK;
      }
  number = strtol (name, &end, 10);
  if (*end != '\0' || number < 0 || number >= model->unet.num_class_embeds)
    return df_fail (err, DF_ERROR_ARGUMENT, "%s has no class \"%.60s\"; it has %d, from \"%s\" to \"%s\" (or 0 to %d).",
                    info->title, name, info->num_classes, info->class_names[0],
                    info->class_names[info->num_classes - 1], model->unet.num_class_embeds - 1);
  *out = (int) number;
  return DF_OK;
}

df_level
df_level_at (const df_model *model, double t)
{
  df_schedule schedule;
  double      abar = NAN;

  if (df_schedule_init (&schedule, &model->scheduler, NULL) == DF_OK)
    {
      abar = df_schedule_abar (&schedule, t);
      df_schedule_clear (&schedule);
    }
  return (df_level) { sqrt (abar), sqrt (1.0 - abar), abar / (1.0 - abar) };
}

int
df_level_find (const df_model *model, double sqrt_alpha)
{
  df_schedule schedule;
  int         t;

  if (df_schedule_init (&schedule, &model->scheduler, NULL) != DF_OK)
    return model->info.start_t;
  t = df_schedule_find (&schedule, sqrt_alpha);
  df_schedule_clear (&schedule);
  return t;
}

df_status
df_noise (const df_model *model, const df_request *request, double t, uint64_t seed, const float *x0, float *out,
          df_error *err)
{
  size_t       n = (size_t) request->batch * (size_t) request->width * (size_t) request->height *
                   (size_t) model->info.channels;
  df_torch_rng torch;
  df_schedule  schedule;
  float       *z;

  if (!(t >= -1.0) || t > model->info.num_train_timesteps - 1)
    return df_fail (err, DF_ERROR_ARGUMENT, "t must be from 0 to %d; it is %g.", model->info.num_train_timesteps - 1, t);
  z = df_alloc (n, 2 * sizeof *z);    /* the noise, and a scratch to draw it in */
  if (z == NULL || df_schedule_init (&schedule, &model->scheduler, err) != DF_OK)
    {
      df_free (z);
      return df_fail (err, DF_ERROR_MEMORY, "Out of memory: choose a smaller picture.");
    }
  df_torch_seed (&torch, seed);
  df_batch_noise (request, model->info.channels, seed, 0, &torch, z + n, z);
  df_noise_apply (df_schedule_abar (&schedule, t), x0, z, n, out);
  df_schedule_clear (&schedule);
  df_free (z);
  return DF_OK;
}

/* ------------------------------------------------------------------ forecast */

static int
by_value (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

/* FLOP/s of a middling 3×3 convolution on this machine now; about 20 ms. The median: a moment's work of another program
 * says nothing about a run of seconds, a busy machine does. 0 when memory is refused. */
static double
measured_speed (df_pool *pool)
{
  const df_conv     conv = { .batch = 1, .height = 32, .width = 32, .in = 64, .out = 64, .kernel = 3, .stride = 1 };
  const df_kernels *k    = df_kernels_get ();
  size_t            n    = 32 * 32 * 64 + DF_SLACK;
  float            *x = df_alloc (n, sizeof *x), *y = df_alloc (n, sizeof *y);
  float            *w = df_alloc (df_conv_packed_floats (k, conv.algo, 64, 64, 3), sizeof *w);
  df_ops            ops = { k, pool, df_alloc (df_conv_scratch (k, &conv, 0) + DF_SLACK, sizeof (float)) };
  df_conv_io        io = { .x = x, .packed = w, .scale = 1.0f, .y = y };
  double            took[128], start = df_seconds (), one;
  bool              fine = x != NULL && y != NULL && w != NULL && ops.scratch != NULL;
  int               runs = 0;

  while (fine && runs < 128 && (runs < 3 || df_seconds () - start < 0.02))
    {
      one = df_seconds ();
      df_conv_forward (&ops, &conv, &io);
      took[runs++] = df_seconds () - one;
    }
  qsort (took, (size_t) runs, sizeof *took, by_value);
  df_free (x);
  df_free (y);
  df_free (w);
  df_free (ops.scratch);
  return fine ? df_conv_flops (&conv) / took[runs / 2] : 0.0;
}

static df_status
cost_of (const df_model *model, const df_request *request, int threads, df_unet_cost *out, df_error *err)
{
  DF_TRY (df_request_check (model, request, err));
  DF_TRY (df_evaluator_forecast (model, request, threads, out, err));
  out->bytes += df_sampler_bytes (model, request) + sizeof (df_session);
  return DF_OK;
}

df_status
df_forecast_run (const df_model *model, const df_request *request, df_forecast *out, df_error *err)
{
  int          threads = request->threads > 0 ? request->threads : df_pool_processors ();
  df_unet_cost cost;
  df_timesteps steps;
  df_pool     *pool;
  double       speed;

  DF_TRY (cost_of (model, request, threads, &cost, err));
  DF_TRY (df_request_timesteps (model, request, &steps, err));
  *out = (df_forecast) { .bytes = cost.bytes, .flops_per_step = cost.flops, .steps = steps.count };
  df_timesteps_clear (&steps);
  pool = df_pool_new (threads);
  if (pool == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory for threads: use fewer.");
  speed = measured_speed (pool);
  df_pool_free (pool);
  out->seconds_per_step = speed > 0.0 ? cost.cost / speed : 0.0;
  return DF_OK;
}

/* ------------------------------------------------------------------ session */

static df_status
copy_lists (df_session *s, const df_request *r, df_error *err)
{
  df_request *own = &s->state.request;

  if (r->num_timesteps > 0)
    {
      s->timesteps = df_alloc ((size_t) r->num_timesteps, sizeof *s->timesteps);
      if (s->timesteps == NULL)
        return df_fail (err, DF_ERROR_MEMORY, "Out of memory for the list of timesteps.");
      memcpy (s->timesteps, r->timesteps, (size_t) r->num_timesteps * sizeof *s->timesteps);
      own->timesteps = s->timesteps;
    }
  if (r->num_sigmas > 0)
    {
      s->sigmas = df_alloc ((size_t) r->num_sigmas, sizeof *s->sigmas);
      if (s->sigmas == NULL)
        return df_fail (err, DF_ERROR_MEMORY, "Out of memory for the list of sigmas.");
      memcpy (s->sigmas, r->sigmas, (size_t) r->num_sigmas * sizeof *s->sigmas);
      own->sigmas = s->sigmas;
    }
  return DF_OK;
}

static df_status
build (df_session *s, const df_model *model, const df_request *request, df_error *err)
{
  int          threads = request->threads > 0 ? request->threads : df_pool_processors ();
  df_unet_cost cost;

  DF_TRY (cost_of (model, request, threads, &cost, err));
  if (request->memory_cap > 0 && cost.bytes > request->memory_cap)
    return df_fail (err, DF_ERROR_CAP,
                    "This run needs %.0f MB, the memory cap is %.0f MB: select a smaller area or raise the cap.",
                    ceil ((double) cost.bytes / 1e6), floor ((double) request->memory_cap / 1e6));
  DF_TRY (df_sampler_new (&s->state, model, request, err));
  DF_TRY (copy_lists (s, request, err));
  DF_TRY (df_request_timesteps (model, &s->state.request, &s->state.steps, err));
  s->pool = df_pool_new (threads);
  if (s->pool == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory for threads: use fewer.");
  return df_evaluator_new (&s->evaluator, model, request, s->pool, err);
}

df_status
df_session_new (df_session **out, const df_model *model, const df_request *request, df_error *err)
{
  df_session *s = df_alloc (1, sizeof *s);
  df_status   status;

  *out = NULL;
  if (s == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory: choose a smaller picture.");
  status = build (s, model, request, err);
  if (status == DF_OK)
    *out = s;
  else
    df_session_free (s);
  return status;
}

void
df_session_free (df_session *s)
{
  if (s == NULL)
    return;
  df_evaluator_clear (&s->evaluator);
  df_sampler_clear (&s->state);
  df_pool_free (s->pool);
  df_free (s->timesteps);
  df_free (s->sigmas);
  df_free (s);
}

df_status
df_begin (df_session *s, const df_input *input, df_error *err)
{
  DF_TRY (df_sampler_begin (&s->state, input, err));
  s->begun = true;
  return DF_OK;
}

typedef struct step_progress
{
  const df_progress *outer;
  int                step, steps;
} step_progress;

/* The fraction of an evaluation as a fraction of the run. */
static bool
go_on (void *user, double fraction)
{
  const step_progress *p = user;

  return p->outer->go_on (p->outer->user, (p->step + fraction) / p->steps);
}

df_status
df_step (df_session *s, const df_progress *progress, df_error *err)
{
  step_progress inner = { progress, s->state.step, s->state.steps.count };
  df_progress   here  = { go_on, &inner };

  if (!s->begun)
    return df_fail (err, DF_ERROR_ARGUMENT, "df_step before df_begin.");
  if (s->state.step >= s->state.steps.count)
    return DF_DONE;
  return df_sampler_step (&s->state, &s->evaluator, progress != NULL && progress->go_on != NULL ? &here : NULL, err);
}

void
df_estimate (const df_session *s, float *out)
{
  memcpy (out, s->state.history[0], s->state.n * sizeof *out);
}

df_status
df_finish (const df_session *s, float *out, df_error *err)
{
  const float *result = s->state.step >= s->state.steps.count ? s->state.x : s->state.history[0];

  for (size_t i = 0; i < s->state.n; i++)
    if (!isfinite (result[i]))
      return df_fail (err, DF_ERROR_NUMERIC, "The result is not finite: the model is damaged, or guidance too strong.");
  memcpy (out, result, s->state.n * sizeof *out);
  return DF_OK;
}

df_status
df_run (df_session *s, const df_input *input, const df_progress *progress, float *out, df_error *err)
{
  df_status status;

  DF_TRY (df_begin (s, input, err));
  while ((status = df_step (s, progress, err)) == DF_OK)
    ;
  return status == DF_DONE ? df_finish (s, out, err) : status;
}

int
df_session_steps (const df_session *s)
{
  return s->state.steps.count;
}

int
df_session_step (const df_session *s)
{
  return s->state.step;
}

int
df_session_timestep (const df_session *s, int step)
{
  int count = s->state.steps.count;

  if (s->state.request.encode)
    step = count - step;
  return step < 0 || step > count ? -1 : s->state.steps.t[step];
}

static df_status
check_plain (const df_session *s, df_error *err)
{
  if (s->evaluator.rows != s->state.request.batch)
    return df_fail (err, DF_ERROR_ARGUMENT, "One evaluation is without guidance: set guidance to 1.");
  return DF_OK;
}

df_status
df_predict (df_session *s, const float *x, const double *t, const int *labels, float *out, df_error *err)
{
  DF_TRY (check_plain (s, err));
  return df_unet_eval (s->evaluator.unet, x, t, labels != NULL ? labels : s->evaluator.labels, NULL, out, err);
}

df_status
df_likelihood_term (df_session *s, const float *x0, const int *labels, int t, uint64_t seed, const df_progress *progress,
                    df_bound_term *out, df_error *err)
{
  DF_TRY (check_plain (s, err));
  if (t < 0 || t >= s->state.schedule.T)
    return df_fail (err, DF_ERROR_ARGUMENT, "t must be from 0 to %d; it is %d.", s->state.schedule.T - 1, t);
  s->begun = false;
  return df_bound_measure (&s->state, &s->evaluator, x0, labels, t, seed, progress, out, err);
}

double
df_likelihood_prior (const df_session *s, const float *x0, size_t n)
{
  df_bound_level last = df_bound_level_at (&s->state.schedule, s->state.schedule.T - 1);

  return df_bound_prior (last.abar, x0, n) / (double) n / 0.69314718055994530942;
}

void
df_profile_start (df_session *s)
{
  df_unet_profile_start (s->evaluator.unet);
}

size_t
df_profile_rows (const df_session *s, df_profile_row *rows, size_t max)
{
  return df_unet_profile_rows (s->evaluator.unet, rows, max);
}
