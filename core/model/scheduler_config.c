/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scheduler_config: scheduler_config.json of DDPMScheduler, DDIMScheduler and the solvers that share their
 * tables (DPM-Solver, UniPC, Euler, Heun, PNDM): a model made for one of those runs here with DDIM or DDPM. */
#include "model/config.h"

#include "base/alloc.h"
#include "model/json.h"

#include <stdlib.h>
#include <string.h>

static const char *const classes[] = {
  "DDPMScheduler", "DDIMScheduler", "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler",
  "UniPCMultistepScheduler", "EulerDiscreteScheduler", "HeunDiscreteScheduler", "PNDMScheduler",
  "DDIMInverseScheduler", NULL,
};
static const char *const betas[]       = { "linear", "scaled_linear", "squaredcos_cap_v2", NULL };
static const char *const predictions[] = { "epsilon", "v_prediction", "sample", NULL };
static const char *const spacings[]    = { "leading", "trailing", "linspace", NULL };
static const char *const variances[]   = { "fixed_small", "fixed_large", "fixed_small_log", NULL };

static void
read_betas (df_json *json, df_scheduler_config *out)
{
  yyjson_val *list = df_json_array (json, "trained_betas");

  out->beta_start    = df_json_number (json, "beta_start", 1e-4);
  out->beta_end      = df_json_number (json, "beta_end", 0.02);
  out->beta_schedule = (df_beta_schedule) df_json_word (json, "beta_schedule", betas, 0);
  if (json->status != DF_OK)
    return;
  if (!(out->beta_start > 0 && out->beta_start < 1 && out->beta_end > 0 && out->beta_end < 1))
    df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"beta_start\" and \"beta_end\" must lie between 0 and 1.");
  if (list == NULL)
    return;
  if ((int) yyjson_arr_size (list) != out->num_train_timesteps)
    {
      df_json_refuse (json, DF_ERROR_FORMAT, "\"trained_betas\" must have num_train_timesteps (%d) entries.",
                      out->num_train_timesteps);
      return;
    }
  out->beta_schedule = DF_BETA_TRAINED;
  out->trained_betas = df_alloc ((size_t) out->num_train_timesteps, sizeof *out->trained_betas);
  if (out->trained_betas == NULL)
    df_json_refuse (json, DF_ERROR_MEMORY, "out of memory.");
  for (int i = 0; out->trained_betas != NULL && i < out->num_train_timesteps; i++)
    {
      float beta = (float) yyjson_get_num (yyjson_arr_get (list, (size_t) i));

      out->trained_betas[i] = beta;
      if (!(beta > 0 && beta < 1))
        df_json_refuse (json, DF_ERROR_FORMAT, "\"trained_betas\" must lie between 0 and 1.");
    }
}

static void
check_rest (df_json *json, const df_scheduler_config *out)
{
  if (df_json_bool (json, "thresholding", false))
    df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"thresholding\" true is not supported.");
  if (df_json_bool (json, "use_karras_sigmas", false))
    df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"use_karras_sigmas\" true is not supported.");
  if (out->rescale_betas_zero_snr && out->prediction_type == DF_PREDICTION_EPSILON)
    df_json_refuse (json, DF_ERROR_UNSUPPORTED,
                    "\"rescale_betas_zero_snr\" needs \"prediction_type\" v_prediction or sample: at SNR 0 the noise "
                    "says nothing about the picture.");
  if (!(out->clip_sample_range > 0))
    df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"clip_sample_range\" must be above 0.");
}

df_status
df_scheduler_config_parse (df_scheduler_config *out, const char *text, size_t size, const char *where, df_error *err)
{
  df_json   json;
  df_status status = df_json_open (&json, text, size, where, err);

  memset (out, 0, sizeof *out);
  if (status == DF_OK)
    {
      int class_of = df_json_word (&json, "_class_name", classes, 0);
      int variance = df_json_word (&json, "variance_type", variances, 0);

      out->is_ddim                = class_of == 1;
      out->num_train_timesteps    = df_json_int (&json, "num_train_timesteps", 1000, 2, 100000);
      out->prediction_type        = (df_prediction) df_json_word (&json, "prediction_type", predictions, 0);
      out->variance_type          = variance == 1 ? DF_VARIANCE_FIXED_LARGE : DF_VARIANCE_FIXED_SMALL;
      out->clip_sample            = df_json_bool (&json, "clip_sample", class_of < 2);
      out->clip_sample_range      = df_json_number (&json, "clip_sample_range", 1);
      out->set_alpha_to_one       = df_json_bool (&json, "set_alpha_to_one", true);
      out->steps_offset           = df_json_int (&json, "steps_offset", 0, 0, 1000);
      out->timestep_spacing       = (df_spacing) df_json_word (&json, "timestep_spacing", spacings, 0);
      out->rescale_betas_zero_snr = df_json_bool (&json, "rescale_betas_zero_snr", false);
      read_betas (&json, out);
      check_rest (&json, out);
      status = json.status;
    }
  df_json_close (&json);
  if (status != DF_OK)
    df_scheduler_config_clear (out);
  return status;
}

void
df_scheduler_config_clear (df_scheduler_config *config)
{
  df_free (config->trained_betas);
  config->trained_betas = NULL;
}

char *
df_scheduler_config_text (const df_scheduler_config *c)
{
  yyjson_mut_doc *doc  = yyjson_mut_doc_new (NULL);
  yyjson_mut_val *root = yyjson_mut_obj (doc), *list;
  char           *text;

  yyjson_mut_doc_set_root (doc, root);
  yyjson_mut_obj_add_str (doc, root, "_class_name", classes[c->is_ddim ? 1 : 0]);
  yyjson_mut_obj_add_real (doc, root, "beta_end", c->beta_end);
  yyjson_mut_obj_add_str (doc, root, "beta_schedule", betas[c->beta_schedule == DF_BETA_TRAINED ? 0 : c->beta_schedule]);
  yyjson_mut_obj_add_real (doc, root, "beta_start", c->beta_start);
  yyjson_mut_obj_add_bool (doc, root, "clip_sample", c->clip_sample);
  yyjson_mut_obj_add_real (doc, root, "clip_sample_range", c->clip_sample_range);
  yyjson_mut_obj_add_int (doc, root, "num_train_timesteps", c->num_train_timesteps);
  yyjson_mut_obj_add_str (doc, root, "prediction_type", predictions[c->prediction_type]);
  yyjson_mut_obj_add_bool (doc, root, "rescale_betas_zero_snr", c->rescale_betas_zero_snr);
  if (c->is_ddim)
    yyjson_mut_obj_add_bool (doc, root, "set_alpha_to_one", c->set_alpha_to_one);
  else
    yyjson_mut_obj_add_str (doc, root, "variance_type", variances[c->variance_type == DF_VARIANCE_FIXED_LARGE]);
  yyjson_mut_obj_add_int (doc, root, "steps_offset", c->steps_offset);
  yyjson_mut_obj_add_str (doc, root, "timestep_spacing", spacings[c->timestep_spacing]);
  if (c->trained_betas != NULL)
    {
      list = yyjson_mut_obj_add_arr (doc, root, "trained_betas");
      for (int i = 0; i < c->num_train_timesteps; i++)
        yyjson_mut_arr_add_real (doc, list, c->trained_betas[i]);
    }
  text = yyjson_mut_write (doc, YYJSON_WRITE_PRETTY, NULL);
  yyjson_mut_doc_free (doc);
  return text;
}
