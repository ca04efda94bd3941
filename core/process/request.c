/* SPDX-License-Identifier: GPL-3.0-or-later */
/* request: see request.h. */
#include "process/request.h"

#include "process/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void
df_request_default (const df_model *model, df_request *out)
{
  const df_model_info       *info = &model->info;
  const df_scheduler_config *s    = &model->scheduler;

  *out = (df_request) {
    .width = info->native_width, .height = info->native_height, .batch = 1, .label = info->null_class,
    .guidance = info->guidance, .sampler = info->sampler, .start_t = -1, .steps = info->steps,
    .texton = info->texton_t >= 0, .spacing = s->timestep_spacing, .steps_offset = s->steps_offset, .eta = info->eta, .variance = s->variance_type,
    .clip = info->clip, .clip_range = s->clip_sample_range,
  };
  if (out->steps > info->num_train_timesteps)
    out->steps = info->num_train_timesteps;
}

/* ------------------------------------------------------------------ checks */

static df_status
check_canvas (const df_model *model, const df_request *r, df_error *err)
{
  int multiple = model->info.size_multiple;

  if (r->batch < 1 || r->batch > 4096)
    return df_fail (err, DF_ERROR_ARGUMENT, "The batch must be from 1 to 4096; it is %d.", r->batch);
  if (r->width < 1 || r->height < 1 || r->width % multiple != 0 || r->height % multiple != 0)
    return df_fail (err, DF_ERROR_ARGUMENT, "This model works on sides that are multiples of %d; %d × %d is not.",
                    multiple, r->width, r->height);
  if ((double) r->width * r->height * r->batch > 1 << 28)
    return df_fail (err, DF_ERROR_ARGUMENT, "%d × %d is too large: choose a smaller picture.", r->width, r->height);
  return DF_OK;
}

static df_status
check_class (const df_model *model, const df_request *r, df_error *err)
{
  int classes = model->unet.num_class_embeds;

  if (r->label >= classes || r->label < -1)
    return df_fail (err, DF_ERROR_ARGUMENT, "Class %d does not exist: this model has %d.", r->label, classes);
  if (classes > 0 && r->label < 0 && model->info.null_class < 0)
    return df_fail (err, DF_ERROR_ARGUMENT, "This model is class-conditional: choose a class.");
  if (!isfinite (r->guidance) || r->guidance < 0.0 || r->guidance > 100.0)
    return df_fail (err, DF_ERROR_ARGUMENT, "guidance must be from 0 to 100; it is %g.", r->guidance);
  if (r->guidance != 1.0 && model->info.null_class < 0)
    return df_fail (err, DF_ERROR_ARGUMENT, "guidance needs a model with a null class; use 1 with this one.");
  if (r->guidance != 1.0 && r->compat)
    return df_fail (err, DF_ERROR_ARGUMENT, "guidance cannot be used with compat: diffusers' pipelines have none.");
  return DF_OK;
}

static df_status
check_sampler (const df_model *model, const df_request *r, df_error *err)
{
  int T = model->info.num_train_timesteps;

  if (r->start_t < -1 || r->start_t >= T)
    return df_fail (err, DF_ERROR_ARGUMENT, "start-t must be from 0 to %d; it is %d.", T - 1, r->start_t);
  if (!isfinite (r->eta) || r->eta < 0.0 || r->eta > 1.0)
    return df_fail (err, DF_ERROR_ARGUMENT, "eta must be from 0 to 1; it is %g.", r->eta);
  if (r->variance == DF_VARIANCE_SIGMA_HAT && r->sampler == DF_SAMPLER_DDPM)
    return df_fail (err, DF_ERROR_ARGUMENT, "variance sigma-hat belongs to the sampler ddim.");
  if (!(r->clip_range > 0.0))
    return df_fail (err, DF_ERROR_ARGUMENT, "clip_range must be above 0.");
  if (r->encode && model->scheduler.prediction_type == DF_PREDICTION_SAMPLE)
    return df_fail (err, DF_ERROR_ARGUMENT,
                    "A model that predicts the picture itself cannot encode: at the clean picture its noise is unknown.");
  if (r->encode && (r->eta != 0.0 || r->sampler != DF_SAMPLER_DDIM || r->num_sigmas > 0))
    return df_fail (err, DF_ERROR_ARGUMENT, "Encoding is deterministic: use the sampler ddim with eta 0.");
  if (r->threads < 0 || r->threads > 1024)
    return df_fail (err, DF_ERROR_ARGUMENT, "threads must be from 0 (all) to 1024; it is %d.", r->threads);
  return DF_OK;
}

/* σ² may not exceed what is left of the variance at the level it leads to (Song 2021, eq. 12). */
static df_status
check_sigmas (const df_model *model, const df_request *r, const df_timesteps *steps, df_error *err)
{
  df_schedule schedule;
  df_status   status = DF_OK;

  if (r->num_sigmas != steps->count)
    return df_fail (err, DF_ERROR_ARGUMENT, "There must be one sigma per step: %d steps, %d sigmas.", steps->count,
                    r->num_sigmas);
  DF_TRY (df_schedule_init (&schedule, &model->scheduler, err));
  for (int i = 0; i < steps->count && status == DF_OK; i++)
    {
      double most = sqrt (1.0 - df_schedule_abar (&schedule, steps->t[i + 1]));

      if (!(r->sigmas[i] >= 0.0) || r->sigmas[i] > most * (1.0 + 1e-6))
        status = df_fail (err, DF_ERROR_ARGUMENT, "Sigma %d must be from 0 to %.6g (√(1-ᾱ) of the next level); it is %g.",
                          i + 1, most, r->sigmas[i]);
    }
  df_schedule_clear (&schedule);
  return status;
}

df_status
df_request_check (const df_model *model, const df_request *request, df_error *err)
{
  df_timesteps steps;
  df_status    status;

  DF_TRY (check_canvas (model, request, err));
  DF_TRY (check_class (model, request, err));
  DF_TRY (check_sampler (model, request, err));
  DF_TRY (df_request_timesteps (model, request, &steps, err));
  status = request->num_sigmas > 0 ? check_sigmas (model, request, &steps, err) : DF_OK;
  df_timesteps_clear (&steps);
  return status;
}

bool
df_request_from_texton (const df_model *model, const df_request *r)
{
  return r->texton && model->info.texton_t >= 0 && r->start_t < 0 && r->num_timesteps == 0 && r->num_sigmas == 0 &&
         !r->encode && !r->compat && r->rng == DF_RNG_PHILOX;
}

df_status
df_request_timesteps (const df_model *model, const df_request *r, df_timesteps *out, df_error *err)
{
  int T = model->info.num_train_timesteps, texton_t = model->info.texton_t;

  if (r->num_timesteps > 0)
    return df_timesteps_given (out, r->timesteps, r->num_timesteps, T, err);
  if (r->start_t >= 0)
    return df_timesteps_partial (out, r->spacing, r->start_t, r->steps, err);
  if (df_request_from_texton (model, r))
    return df_timesteps_partial (out, DF_SPACING_LINEAR, texton_t, r->steps <= texton_t ? r->steps : texton_t + 1, err);
  return df_timesteps_whole (out, r->spacing, T, r->steps, r->steps_offset, err);
}

int
df_request_rows (const df_model *model, const df_request *request)
{
  bool guided = request->guidance != 1.0 && request->label >= 0 && request->label != model->info.null_class;

  return guided ? 2 * request->batch : request->batch;
}
