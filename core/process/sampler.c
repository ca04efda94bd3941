/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sampler: see sampler.h. Traps: diffusers' DDIM takes t - T//S for the next level, not the next of the list (compat
 * only); with torch's generator noise is drawn only in steps that use it, and in N×C×H×W order. */
#include "process/sampler.h"

#include "base/alloc.h"
#include "process/request.h"
#include "process/spots.h"
#include "process/step.h"

#include <string.h>

/* ------------------------------------------------------------------ memory */

static size_t
canvas_floats (const df_model *model, const df_request *r)
{
  return (size_t) r->batch * (size_t) r->width * (size_t) r->height * (size_t) model->info.channels;
}

static size_t
pixels_of (const df_request *r)
{
  return (size_t) r->width * (size_t) r->height;
}

size_t
df_sampler_bytes (const df_model *model, const df_request *r)
{
  size_t n = canvas_floats (model, r), T = (size_t) model->info.num_train_timesteps;
  size_t spots = df_request_from_texton (model, r) ? df_spots_bytes (&model->texton, r) : 0;

  return spots + ((5 + DF_HISTORY) * n + pixels_of (r) * (1 + (size_t) r->batch) + 2 * T) * sizeof (float);
}

df_status
df_sampler_new (df_sampler_state *out, const df_model *model, const df_request *request, df_error *err)
{
  size_t  n        = canvas_floats (model, request);
  float **arrays[] = { &out->x, &out->next, &out->output, &out->z, &out->known, &out->history[0], &out->history[1],
                       &out->history[2] };
  bool    fine     = true;

  memset (out, 0, sizeof *out);
  out->model   = model;
  out->request = *request;
  out->n       = n;
  out->row     = n / (size_t) request->batch;
  DF_TRY (df_schedule_init (&out->schedule, &model->scheduler, err));
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
    fine = (*arrays[i] = df_alloc (n, sizeof (float))) != NULL && fine;
  out->selection = df_alloc (pixels_of (request), sizeof (float));
  out->w         = df_alloc (pixels_of (request) * (size_t) request->batch, sizeof (float));
  if (fine && out->selection != NULL && out->w != NULL)
    return DF_OK;
  return df_fail (err, DF_ERROR_MEMORY, "Out of memory: choose a smaller picture.");
}

void
df_sampler_clear (df_sampler_state *s)
{
  df_schedule_clear (&s->schedule);
  df_timesteps_clear (&s->steps);
  df_free (s->x);
  df_free (s->next);
  df_free (s->output);
  df_free (s->z);
  df_free (s->known);
  df_free (s->selection);
  df_free (s->w);
  for (int i = 0; i < DF_HISTORY; i++)
    df_free (s->history[i]);
  memset (s, 0, sizeof *s);
}

/* ------------------------------------------------------------------ noise */

/* One torch.randn of the batch, drawn into `flat` and transposed from N×C×H×W into `out`. */
static void
torch_noise (const df_request *r, int channels, df_torch_rng *torch, float *flat, float *out)
{
  size_t pixels = pixels_of (r), c = (size_t) channels;

  df_torch_randn (torch, flat, (size_t) r->batch * pixels * c);
  for (size_t b = 0; b < (size_t) r->batch; b++)
    for (size_t k = 0; k < c; k++)
      for (size_t p = 0; p < pixels; p++)
        out[(b * pixels + p) * c + k] = flat[(b * c + k) * pixels + p];
}

void
df_batch_noise (const df_request *r, int channels, uint64_t seed, uint32_t k, df_torch_rng *torch, float *scratch,
                float *out)
{
  size_t row = pixels_of (r) * (size_t) channels;

  if (r->rng == DF_RNG_TORCH)
    {
      torch_noise (r, channels, torch, scratch, out);
      return;
    }
  for (int b = 0; b < r->batch; b++)
    {
      df_noise_field field = { .seed = (uint32_t) (seed + (uint64_t) b), .transition = k, .origin_x = r->origin_x,
                               .origin_y = r->origin_y };

      if (r->tile_x)
        field.period_x = r->period_x > 0 ? r->period_x : r->width;
      if (r->tile_y)
        field.period_y = r->period_y > 0 ? r->period_y : r->height;
      df_noise_fill (&field, r->width, r->height, channels, out + (size_t) b * row);
    }
}

/* ------------------------------------------------------------------ begin */

static df_status
check_input (const df_sampler_state *s, const df_input *input, df_error *err)
{
  const df_request *r = &s->request;

  if ((r->start_t >= 0 || r->encode) && input->x0 == NULL)
    return df_fail (err, DF_ERROR_ARGUMENT, "Partial denoising and encoding need a picture to start from.");
  if (input->init != NULL && df_request_from_texton (s->model, r))
    return df_fail (err, DF_ERROR_ARGUMENT, "A run from the model's texton has no x_T: start from noise.");
  return DF_OK;
}

df_status
df_sampler_begin (df_sampler_state *s, const df_input *input, df_error *err)
{
  const df_request *r       = &s->request;
  bool              texton  = df_request_from_texton (s->model, r);
  bool              partial = (r->start_t >= 0 || texton) && !r->encode;

  DF_TRY (check_input (s, input, err));
  s->seed   = input->seed;
  s->step   = 0;
  s->masked = partial && !texton && input->mask != NULL && !r->hard_edge_blend;
  df_torch_seed (&s->torch, input->seed);
  if (texton)
    DF_TRY (df_spots (&s->model->texton, r, input->seed, s->known, err));
  else if (input->x0 != NULL)
    memcpy (s->known, input->x0, s->n * sizeof *s->known);
  if (s->masked)
    memcpy (s->selection, input->mask, pixels_of (r) * sizeof *s->selection);
  if (r->encode)
    memcpy (s->x, input->x0, s->n * sizeof *s->x);
  else if (input->init != NULL)
    memcpy (s->x, input->init, s->n * sizeof *s->x);
  else
    df_batch_noise (r, s->model->info.channels, s->seed, 0, &s->torch, s->next, s->x);
  if (partial)
    df_noise_apply (df_schedule_abar (&s->schedule, s->steps.t[0]), s->known, s->x, s->n, s->x);
  if (partial || r->encode)
    memcpy (s->history[0], s->known, s->n * sizeof *s->known);
  else
    memset (s->history[0], 0, s->n * sizeof *s->known);
  return DF_OK;
}

/* ------------------------------------------------------------------ one step */

static df_transition
transition_at (const df_sampler_state *s, int step)
{
  const df_request          *r      = &s->request;
  const df_scheduler_config *config = &s->model->scheduler;
  df_transition              at     = { .t = s->steps.t[step], .prev = s->steps.t[step + 1], .compat = r->compat };

  at.last = at.prev < 0;
  if (r->compat && r->sampler == DF_SAMPLER_DDIM && r->num_timesteps == 0 && r->start_t < 0)
    at.prev = at.t - config->num_train_timesteps / r->steps;
  at.abar      = df_schedule_abar (&s->schedule, at.t);
  at.abar_prev = at.prev >= 0 ? df_schedule_abar (&s->schedule, at.prev) : 1.0;
  if (r->compat && at.prev < 0 && r->sampler == DF_SAMPLER_DDIM && config->is_ddim && !config->set_alpha_to_one)
    at.abar_prev = s->schedule.alphas_cumprod[0];
  return at;
}

/* Encoding goes up: from the level behind step `step` of the list to that of the step, the network sees the latter. */
static df_transition
encoding_at (const df_sampler_state *s, int step)
{
  int           index = s->steps.count - 1 - step;
  df_transition at    = { .t = s->steps.t[index + 1], .prev = s->steps.t[index] };

  at.abar      = df_schedule_abar (&s->schedule, at.t);
  at.abar_prev = df_schedule_abar (&s->schedule, at.prev);
  return at;
}

static df_coefs
coefs_at (const df_sampler_state *s, const df_transition *at, int step)
{
  const df_request *r = &s->request;

  if (r->num_sigmas > 0)
    return df_sigma_coefs (at, r->sigmas[step]);
  if (r->sampler == DF_SAMPLER_DDPM)
    return df_ddpm_coefs (at, r->variance);
  return df_ddim_coefs (at, r->eta, r->variance == DF_VARIANCE_SIGMA_HAT);
}

static void
release_pixels (df_sampler_state *s, const df_transition *at)
{
  size_t pixels = pixels_of (&s->request);

  for (size_t i = 0; i < pixels; i++)
    s->w[i] = (float) df_release (s->selection[i], s->steps.t[0], at->t, at->last ? -1 : at->prev);
  for (int b = 1; b < s->request.batch; b++)
    memcpy (s->w + (size_t) b * pixels, s->w, pixels * sizeof *s->w);
}

static void
remember (df_sampler_state *s)
{
  float *oldest = s->history[DF_HISTORY - 1];

  for (int i = DF_HISTORY - 1; i > 0; i--)
    s->history[i] = s->history[i - 1];
  s->history[0] = oldest;
}

df_status
df_sampler_step (df_sampler_state *s, df_evaluator *evaluator, const df_progress *progress, df_error *err)
{
  const df_request *r  = &s->request;
  df_transition     at = r->encode ? encoding_at (s, s->step) : transition_at (s, s->step);
  df_coefs          c  = coefs_at (s, &at, s->step);
  df_step_io        io = { .x = s->x, .output = s->output, .z = s->z, .n = s->n, .channels = s->model->info.channels,
                           .prediction = s->model->scheduler.prediction_type,
                           .clip = r->encode ? DF_CLIP_NONE : r->clip, .clip_range = r->clip_range, .out = s->next };
  float            *x  = s->x;

  DF_TRY (df_evaluate (evaluator, s->x, r->encode ? at.prev : at.t, progress, s->output, err));
  if (c.noise != 0.0f || (s->masked && c.noise_known != 0.0f))
    df_batch_noise (r, s->model->info.channels, s->seed, (uint32_t) s->step + 1, &s->torch, s->next, s->z);
  if (s->masked)
    {
      release_pixels (s, &at);
      io.known = s->known;
      io.w     = s->w;
    }
  remember (s);
  io.x0 = s->history[0];
  df_step_apply (&c, &io);
  s->x    = s->next;
  s->next = x;
  s->step++;
  return DF_OK;
}
