/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The JSON files of a model folder: diffusers' defaults (unet_2d.py, scheduling_ddpm.py, scheduling_ddim.py), what
 * public configurations say, every refusal by key and value, and texts that read back as what they were. */
#include "model/config.h"
#include "scratch.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* google/ddpm-cifar10-32 as on the Hub (core.md §2.1), and a network in the style of guided-diffusion. */
static const char google_unet[] =
  "{\"_class_name\":\"UNet2DModel\",\"_diffusers_version\":\"0.0.4\",\"act_fn\":\"silu\",\"attention_head_dim\":null,"
  "\"block_out_channels\":[128,256,256,256],\"center_input_sample\":false,"
  "\"down_block_types\":[\"DownBlock2D\",\"AttnDownBlock2D\",\"DownBlock2D\",\"DownBlock2D\"],"
  "\"downsample_padding\":0,\"flip_sin_to_cos\":false,\"freq_shift\":1,\"in_channels\":3,\"layers_per_block\":2,"
  "\"mid_block_scale_factor\":1,\"norm_eps\":1e-06,\"norm_num_groups\":32,\"out_channels\":3,\"sample_size\":32,"
  "\"time_embedding_type\":\"positional\","
  "\"up_block_types\":[\"UpBlock2D\",\"UpBlock2D\",\"AttnUpBlock2D\",\"UpBlock2D\"]}";
static const char adm_unet[] =
  "{\"sample_size\":[16,24],\"in_channels\":1,\"out_channels\":1,\"block_out_channels\":[8,16],\"layers_per_block\":3,"
  "\"down_block_types\":[\"ResnetDownsampleBlock2D\",\"AttnDownBlock2D\"],"
  "\"up_block_types\":[\"AttnUpBlock2D\",\"ResnetUpsampleBlock2D\"],\"downsample_type\":\"resnet\","
  "\"upsample_type\":\"resnet\",\"resnet_time_scale_shift\":\"scale_shift\",\"norm_num_groups\":4,"
  "\"attention_head_dim\":4,\"num_class_embeds\":10,\"center_input_sample\":true,\"mid_block_scale_factor\":1.4142,"
  "\"add_attention\":false,\"dropout\":0.3,\"act_fn\":\"swish\",\"something_newer\":{\"a\":[1]}}";

static df_unet_config
unet (const char *text)
{
  df_unet_config config;
  df_error       err;

  if (df_unet_config_parse (&config, text, strlen (text), "config.json", &err) != DF_OK)
    fail_msg ("%s", err.text);
  return config;
}

static void
absent_unet_keys_are_diffusers_defaults (void **state)
{
  df_unet_config c = unet ("{}");
  static const int channels[] = { 224, 448, 672, 896 };

  (void) state;
  assert_true (c.sample_width == 0 && c.sample_height == 0 && c.in_channels == 3 && c.out_channels == 3);
  assert_true (!c.center_input_sample && c.freq_shift == 0.0 && c.flip_sin_to_cos && c.levels == 4);
  for (int i = 0; i < 4; i++)
    {
      assert_int_equal (c.block_out_channels[i], channels[i]);
      assert_int_equal (c.down_attention[i], i > 0);
      assert_int_equal (c.up_attention[i], i < 3);
      assert_true (c.down_resample[i] == DF_RESAMPLE_CONV && c.up_resample[i] == DF_RESAMPLE_CONV);
    }
  assert_true (c.add_attention && c.layers_per_block == 2 && c.mid_block_scale_factor == 1.0);
  assert_true (c.downsample_padding == 1 && c.attention_head_dim == 8 && c.norm_num_groups == 32);
  assert_true (c.attn_norm_num_groups == 32 && c.norm_eps == 1e-5);
  assert_true (c.resnet_time_scale_shift == DF_TIME_DEFAULT && c.num_class_embeds == 0);
}

static void
the_google_configuration_is_read (void **state)
{
  df_unet_config c = unet (google_unet);

  (void) state;
  assert_true (c.sample_width == 32 && c.sample_height == 32 && c.levels == 4);
  assert_true (c.attention_head_dim == 0 && c.freq_shift == 1.0 && !c.flip_sin_to_cos && c.downsample_padding == 0);
  assert_true (c.down_attention[1] && !c.down_attention[0] && !c.down_attention[2]);
  assert_true (c.up_attention[2] && !c.up_attention[1] && c.norm_eps == 1e-6 && c.add_attention);
}

static void
the_guided_configuration_is_read (void **state)
{
  df_unet_config c = unet (adm_unet);

  (void) state;
  assert_true (c.sample_height == 16 && c.sample_width == 24 && c.levels == 2 && c.in_channels == 1);
  assert_true (c.down_resample[0] == DF_RESAMPLE_RESNET && !c.down_attention[0]);
  assert_true (c.down_resample[1] == DF_RESAMPLE_RESNET && c.down_attention[1]);
  assert_true (c.up_resample[0] == DF_RESAMPLE_RESNET && c.up_attention[0] && c.up_resample[1] == DF_RESAMPLE_RESNET);
  assert_true (c.resnet_time_scale_shift == DF_TIME_SCALE_SHIFT && c.attn_norm_num_groups == 0);
  assert_true (c.num_class_embeds == 10 && c.center_input_sample && !c.add_attention && c.layers_per_block == 3);
}

/* downsample_type is for the blocks with attention; the others say it in their name. */
static void
resampling_is_told_by_block_or_key (void **state)
{
  df_unet_config c = unet ("{\"downsample_type\":\"resnet\"}");

  (void) state;
  assert_true (c.down_resample[0] == DF_RESAMPLE_CONV && c.down_resample[1] == DF_RESAMPLE_RESNET);
  assert_true (c.up_resample[0] == DF_RESAMPLE_CONV);
}

typedef struct refusal { const char *text; df_status status; const char *word, *more; } refusal;

static const refusal unet_refusals[] = {
  { "", DF_ERROR_FORMAT, "not JSON", "" },
  { "{\"a\":1", DF_ERROR_FORMAT, "not JSON", "" },
  { "{\"norm_eps\":NaN}", DF_ERROR_FORMAT, "not JSON", "" },
  { "[]", DF_ERROR_FORMAT, "not a JSON object", "" },
  { "{\"_class_name\":\"UNet2DConditionModel\"}", DF_ERROR_UNSUPPORTED, "_class_name", "UNet2DConditionModel" },
  { "{\"sample_size\":\"big\"}", DF_ERROR_UNSUPPORTED, "sample_size", "" },
  { "{\"sample_size\":0}", DF_ERROR_UNSUPPORTED, "sample_size", "" },
  { "{\"sample_size\":[32]}", DF_ERROR_UNSUPPORTED, "sample_size", "" },
  { "{\"in_channels\":0}", DF_ERROR_UNSUPPORTED, "in_channels", "1 to 64" },
  { "{\"in_channels\":1e300}", DF_ERROR_UNSUPPORTED, "in_channels", "" },
  { "{\"in_channels\":2.5}", DF_ERROR_UNSUPPORTED, "in_channels", "" },
  { "{\"out_channels\":\"3\"}", DF_ERROR_FORMAT, "out_channels", "" },
  { "{\"center_input_sample\":1}", DF_ERROR_FORMAT, "center_input_sample", "true or false" },
  { "{\"freq_shift\":\"1\"}", DF_ERROR_FORMAT, "freq_shift", "number" },
  { "{\"freq_shift\":112}", DF_ERROR_UNSUPPORTED, "freq_shift", "" },
  { "{\"time_embedding_type\":\"fourier\"}", DF_ERROR_UNSUPPORTED, "time_embedding_type", "fourier" },
  { "{\"time_embedding_type\":\"learned\"}", DF_ERROR_UNSUPPORTED, "time_embedding_type", "learned" },
  { "{\"mid_block_type\":\"UNetMidBlock2DCrossAttn\"}", DF_ERROR_UNSUPPORTED, "mid_block_type", "CrossAttn" },
  { "{\"mid_block_type\":null}", DF_ERROR_UNSUPPORTED, "mid_block_type", "null" },
  { "{\"act_fn\":\"mish\"}", DF_ERROR_UNSUPPORTED, "act_fn", "mish" },
  { "{\"act_fn\":\"gelu\"}", DF_ERROR_UNSUPPORTED, "act_fn", "gelu" },
  { "{\"act_fn\":\"relu\"}", DF_ERROR_UNSUPPORTED, "act_fn", "relu" },
  { "{\"class_embed_type\":\"timestep\"}", DF_ERROR_UNSUPPORTED, "class_embed_type", "timestep" },
  { "{\"class_embed_type\":\"identity\"}", DF_ERROR_UNSUPPORTED, "class_embed_type", "identity" },
  { "{\"num_class_embeds\":0}", DF_ERROR_UNSUPPORTED, "num_class_embeds", "" },
  { "{\"layers_per_block\":[2,2,2,2]}", DF_ERROR_FORMAT, "layers_per_block", "whole number" },
  { "{\"layers_per_block\":17}", DF_ERROR_UNSUPPORTED, "layers_per_block", "1 to 16" },
  { "{\"downsample_padding\":2}", DF_ERROR_UNSUPPORTED, "downsample_padding", "0 to 1" },
  { "{\"downsample_type\":\"avg\"}", DF_ERROR_UNSUPPORTED, "downsample_type", "avg" },
  { "{\"upsample_type\":\"avg\"}", DF_ERROR_UNSUPPORTED, "upsample_type", "avg" },
  { "{\"resnet_time_scale_shift\":\"ada_group\"}", DF_ERROR_UNSUPPORTED, "resnet_time_scale_shift", "ada_group" },
  { "{\"mid_block_scale_factor\":0}", DF_ERROR_UNSUPPORTED, "mid_block_scale_factor", "" },
  { "{\"norm_eps\":-1}", DF_ERROR_UNSUPPORTED, "norm_eps", "" },
  { "{\"norm_num_groups\":null}", DF_ERROR_UNSUPPORTED, "norm_num_groups", "null" },
  { "{\"norm_num_groups\":33}", DF_ERROR_UNSUPPORTED, "norm_num_groups", "224" },
  { "{\"attn_norm_num_groups\":5}", DF_ERROR_UNSUPPORTED, "attn_norm_num_groups", "896" },
  { "{\"attention_head_dim\":0}", DF_ERROR_UNSUPPORTED, "attention_head_dim", "" },
  { "{\"block_out_channels\":64}", DF_ERROR_FORMAT, "block_out_channels", "list" },
  { "{\"block_out_channels\":[]}", DF_ERROR_UNSUPPORTED, "block_out_channels", "1 to 8" },
  { "{\"block_out_channels\":[2,2,2,2,2,2,2,2,2]}", DF_ERROR_UNSUPPORTED, "block_out_channels", "1 to 8" },
  { "{\"block_out_channels\":[8192,64,64,64]}", DF_ERROR_UNSUPPORTED, "block_out_channels", "4096" },
  { "{\"block_out_channels\":[4294967360,64,64,64]}", DF_ERROR_UNSUPPORTED, "block_out_channels", "4096" },
  { "{\"block_out_channels\":[33,64,64,64]}", DF_ERROR_UNSUPPORTED, "block_out_channels", "even" },
  { "{\"block_out_channels\":[-64,64,64,64]}", DF_ERROR_UNSUPPORTED, "block_out_channels", "even" },
  { "{\"block_out_channels\":[\"a\",64,64,64]}", DF_ERROR_UNSUPPORTED, "block_out_channels", "even" },
  { "{\"down_block_types\":[\"DownBlock2D\"]}", DF_ERROR_FORMAT, "down_block_types", "(4)" },
  { "{\"down_block_types\":\"DownBlock2D\"}", DF_ERROR_FORMAT, "down_block_types", "list" },
  { "{\"block_out_channels\":[32],\"down_block_types\":[\"CrossAttnDownBlock2D\"],\"up_block_types\":[\"UpBlock2D\"]}",
    DF_ERROR_UNSUPPORTED, "down_block_types", "CrossAttnDownBlock2D" },
  { "{\"block_out_channels\":[32],\"down_block_types\":[\"SkipDownBlock2D\"],\"up_block_types\":[\"UpBlock2D\"]}",
    DF_ERROR_UNSUPPORTED, "down_block_types", "SkipDownBlock2D" },
  { "{\"block_out_channels\":[32],\"down_block_types\":[\"DownBlock2D\"],\"up_block_types\":[\"AttnSkipUpBlock2D\"]}",
    DF_ERROR_UNSUPPORTED, "up_block_types", "AttnSkipUpBlock2D" },
  { "{\"block_out_channels\":[32],\"down_block_types\":[\"DownBlock2D\"],\"up_block_types\":[7]}",
    DF_ERROR_UNSUPPORTED, "up_block_types", "supported are UpBlock2D" },
};

static const refusal scheduler_refusals[] = {
  { "{\"_class_name\":\"ScoreSdeVeScheduler\"}", DF_ERROR_UNSUPPORTED, "_class_name", "ScoreSdeVeScheduler" },
  { "{\"_class_name\":3}", DF_ERROR_FORMAT, "_class_name", "string" },
  { "{\"num_train_timesteps\":1}", DF_ERROR_UNSUPPORTED, "num_train_timesteps", "2 to 100000" },
  { "{\"num_train_timesteps\":\"1000\"}", DF_ERROR_FORMAT, "num_train_timesteps", "" },
  { "{\"beta_schedule\":\"sigmoid\"}", DF_ERROR_UNSUPPORTED, "beta_schedule", "sigmoid" },
  { "{\"beta_schedule\":\"laplace\"}", DF_ERROR_UNSUPPORTED, "beta_schedule", "squaredcos_cap_v2" },
  { "{\"beta_start\":0}", DF_ERROR_UNSUPPORTED, "beta_start", "" },
  { "{\"beta_end\":1}", DF_ERROR_UNSUPPORTED, "beta_end", "" },
  { "{\"trained_betas\":[0.1,0.2]}", DF_ERROR_FORMAT, "trained_betas", "1000" },
  { "{\"num_train_timesteps\":2,\"trained_betas\":[0.1,1.0]}", DF_ERROR_FORMAT, "trained_betas", "" },
  { "{\"num_train_timesteps\":2,\"trained_betas\":[0.1,\"x\"]}", DF_ERROR_FORMAT, "trained_betas", "" },
  { "{\"num_train_timesteps\":2,\"trained_betas\":[0.1,0.999999999999]}", DF_ERROR_FORMAT, "trained_betas", "" },
  { "{\"num_train_timesteps\":2,\"trained_betas\":[0.1,1e-60]}", DF_ERROR_FORMAT, "trained_betas", "" },
  { "{\"trained_betas\":0.1}", DF_ERROR_FORMAT, "trained_betas", "list" },
  { "{\"prediction_type\":\"flow\"}", DF_ERROR_UNSUPPORTED, "prediction_type", "flow" },
  { "{\"variance_type\":\"learned\"}", DF_ERROR_UNSUPPORTED, "variance_type", "learned" },
  { "{\"variance_type\":\"learned_range\"}", DF_ERROR_UNSUPPORTED, "variance_type", "learned_range" },
  { "{\"timestep_spacing\":\"karras\"}", DF_ERROR_UNSUPPORTED, "timestep_spacing", "karras" },
  { "{\"clip_sample\":\"yes\"}", DF_ERROR_FORMAT, "clip_sample", "" },
  { "{\"clip_sample_range\":0}", DF_ERROR_UNSUPPORTED, "clip_sample_range", "" },
  { "{\"steps_offset\":-1}", DF_ERROR_UNSUPPORTED, "steps_offset", "" },
  { "{\"thresholding\":true}", DF_ERROR_UNSUPPORTED, "thresholding", "" },
  { "{\"use_karras_sigmas\":true}", DF_ERROR_UNSUPPORTED, "use_karras_sigmas", "" },
  { "{\"rescale_betas_zero_snr\":true}", DF_ERROR_UNSUPPORTED, "rescale_betas_zero_snr", "v_prediction" },
  { "{\"rescale_betas_zero_snr\":true,\"prediction_type\":\"v_prediction\"}", DF_OK, "", "" },
};

static const refusal card_refusals[] = {
  { "{\"title\":5}", DF_ERROR_FORMAT, "title", "string" },
  { "{\"description\":[]}", DF_ERROR_FORMAT, "description", "string" },
  { "{\"licence\":true}", DF_ERROR_FORMAT, "licence", "string" },
  { "{\"attribution\":{}}", DF_ERROR_FORMAT, "attribution", "string" },
  { "{\"terms\":1}", DF_ERROR_FORMAT, "terms", "string" },
  { "{\"class_names\":\"a\"}", DF_ERROR_FORMAT, "class_names", "list" },
  { "{\"class_names\":[\"a\",1]}", DF_ERROR_FORMAT, "class_names", "list of strings" },
  { "{\"null_class\":-1}", DF_ERROR_UNSUPPORTED, "null_class", "" },
  { "{\"size\":\"huge\"}", DF_ERROR_UNSUPPORTED, "size", "native, any" },
  { "{\"tileable\":\"no\"}", DF_ERROR_FORMAT, "tileable", "" },
  { "{\"steps\":0}", DF_ERROR_UNSUPPORTED, "steps", "" },
  { "{\"steps\":\"ten\"}", DF_ERROR_FORMAT, "steps", "" },
  { "{\"denoise_steps\":1.5}", DF_ERROR_UNSUPPORTED, "denoise_steps", "" },
  { "{\"start_t\":-5}", DF_ERROR_UNSUPPORTED, "start_t", "" },
  { "{\"eta\":1.5}", DF_ERROR_UNSUPPORTED, "eta", "0 to 1" },
  { "{\"eta\":-0.5}", DF_ERROR_UNSUPPORTED, "eta", "0 to 1" },
  { "{\"guidance\":1e9}", DF_ERROR_UNSUPPORTED, "guidance", "0 to 100" },
  { "{\"guidance\":\"strong\"}", DF_ERROR_FORMAT, "guidance", "number" },
  { "{\"sampler\":\"euler\"}", DF_ERROR_UNSUPPORTED, "sampler", "euler" },
  { "{\"spacing\":\"trailing\"}", DF_ERROR_UNSUPPORTED, "spacing", "linear or quad" },
  { "{\"spacing\":\"cubic\"}", DF_ERROR_UNSUPPORTED, "spacing", "cubic" },
  { "{\"clip\":\"hard\"}", DF_ERROR_UNSUPPORTED, "clip", "rederive" },
};

static df_status
parse_unet (const char *text, df_error *err)
{
  df_unet_config config;

  return df_unet_config_parse (&config, text, strlen (text), "the file", err);
}

static df_status
parse_scheduler (const char *text, df_error *err)
{
  df_scheduler_config config;
  df_status           status = df_scheduler_config_parse (&config, text, strlen (text), "the file", err);

  df_scheduler_config_clear (&config);
  return status;
}

static df_status
parse_card (const char *text, df_error *err)
{
  df_card   card;
  df_status status = df_card_parse (&card, text, strlen (text), "the file", err);

  df_card_clear (&card);
  return status;
}

/* Each names the file, the key and, where there is one, the value; and fails alike without an error to fill. */
static void
check_refusals (df_status (*parse) (const char *text, df_error *err), const refusal *list, size_t count)
{
  for (size_t i = 0; i < count; i++)
    {
      df_error  err    = { DF_OK, "" };
      df_status status = parse (list[i].text, &err);

      scratch_refused (list[i].text, status, &err, list[i].status, list[i].word);
      scratch_refused (list[i].text, status, &err, list[i].status, list[i].more);
      if (list[i].status != DF_OK)
        assert_ptr_equal (strstr (err.text, "the file"), err.text);
      assert_int_equal (parse (list[i].text, NULL), list[i].status);
    }
}

static void
what_is_not_supported_is_refused_by_name (void **state)
{
  (void) state;
  check_refusals (parse_unet, unet_refusals, sizeof unet_refusals / sizeof *unet_refusals);
  check_refusals (parse_scheduler, scheduler_refusals, sizeof scheduler_refusals / sizeof *scheduler_refusals);
  check_refusals (parse_card, card_refusals, sizeof card_refusals / sizeof *card_refusals);
}

static void
no_beginning_of_a_file_passes_for_the_file (void **state)
{
  df_unet_config config;
  df_error       err;

  (void) state;
  for (size_t n = 0; n + 1 < sizeof google_unet; n++)
    {
      char *part = malloc (n + 1);   /* of exactly that size, for the sanitizer */

      memcpy (part, google_unet, n);
      scratch_refused ("truncated", df_unet_config_parse (&config, part, n, "f", &err), &err, DF_ERROR_FORMAT, "JSON");
      free (part);
    }
}

static void
check_same_unet (const df_unet_config *a, const df_unet_config *b)
{
  assert_true (a->sample_width == b->sample_width && a->sample_height == b->sample_height);
  assert_true (a->in_channels == b->in_channels && a->out_channels == b->out_channels);
  assert_true (a->center_input_sample == b->center_input_sample && a->freq_shift == b->freq_shift);
  assert_true (a->flip_sin_to_cos == b->flip_sin_to_cos && a->levels == b->levels);
  for (int i = 0; i < a->levels; i++)
    {
      assert_int_equal (a->block_out_channels[i], b->block_out_channels[i]);
      assert_true (a->down_attention[i] == b->down_attention[i] && a->up_attention[i] == b->up_attention[i]);
      assert_true (a->down_resample[i] == b->down_resample[i] && a->up_resample[i] == b->up_resample[i]);
    }
  assert_true (a->add_attention == b->add_attention && a->layers_per_block == b->layers_per_block);
  assert_true (a->mid_block_scale_factor == b->mid_block_scale_factor && a->norm_eps == b->norm_eps);
  assert_true (a->downsample_padding == b->downsample_padding && a->attention_head_dim == b->attention_head_dim);
  assert_true (a->norm_num_groups == b->norm_num_groups && a->attn_norm_num_groups == b->attn_norm_num_groups);
  assert_true (a->resnet_time_scale_shift == b->resnet_time_scale_shift);
  assert_int_equal (a->num_class_embeds, b->num_class_embeds);
}

static void
unet_texts_read_back (void **state)
{
  static const char *const texts[] = {
    "{}", google_unet, adm_unet, "{\"downsample_type\":\"resnet\"}", "{\"upsample_type\":\"resnet\"}",
    "{\"attn_norm_num_groups\":16,\"resnet_time_scale_shift\":\"scale_shift\"}", "{\"norm_eps\":0.00123456789}",
  };

  (void) state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    {
      df_unet_config first = unet (texts[i]), again;
      char          *text = df_unet_config_text (&first);

      again = unet (text);
      check_same_unet (&again, &first);
      free (text);
    }
}

/* ------------------------------------------------------------------ scheduler */

static df_scheduler_config
scheduler (const char *text)
{
  df_scheduler_config config;
  df_error            err;

  if (df_scheduler_config_parse (&config, text, strlen (text), "scheduler_config.json", &err) != DF_OK)
    fail_msg ("%s", err.text);
  return config;
}

static void
absent_scheduler_keys_are_diffusers_defaults (void **state)
{
  df_scheduler_config c = scheduler ("{}");

  (void) state;
  assert_true (c.num_train_timesteps == 1000 && c.beta_start == 1e-4 && c.beta_end == 0.02);
  assert_true (c.beta_schedule == DF_BETA_LINEAR && c.trained_betas == NULL);
  assert_true (c.prediction_type == DF_PREDICTION_EPSILON && c.variance_type == DF_VARIANCE_FIXED_SMALL);
  assert_true (c.clip_sample && c.clip_sample_range == 1.0 && c.set_alpha_to_one && c.steps_offset == 0);
  assert_true (c.timestep_spacing == DF_SPACING_LEADING && !c.rescale_betas_zero_snr && !c.is_ddim);
  assert_true (scheduler ("{\"_class_name\":\"DDIMScheduler\"}").is_ddim);
  assert_true (!scheduler ("{\"_class_name\":\"DDPMScheduler\"}").is_ddim);
  assert_true (scheduler ("{\"variance_type\":\"fixed_large\"}").variance_type == DF_VARIANCE_FIXED_LARGE);
  assert_true (scheduler ("{\"variance_type\":\"fixed_small_log\"}").variance_type == DF_VARIANCE_FIXED_SMALL);
}

/* The tables are what they share; clip_sample is no option of theirs. */
static void
solvers_lend_their_tables (void **state)
{
  static const char *const names[] = { "DPMSolverMultistepScheduler", "UniPCMultistepScheduler",
                                       "EulerDiscreteScheduler", "PNDMScheduler" };

  (void) state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    {
      char                text[200];
      df_scheduler_config c;

      snprintf (text, sizeof text, "{\"_class_name\":\"%s\",\"beta_schedule\":\"scaled_linear\"}", names[i]);
      c = scheduler (text);
      assert_true (!c.is_ddim && !c.clip_sample && c.beta_schedule == DF_BETA_SCALED_LINEAR);
    }
}

static void
check_same_scheduler (const df_scheduler_config *a, const df_scheduler_config *b)
{
  assert_true (a->num_train_timesteps == b->num_train_timesteps && a->beta_schedule == b->beta_schedule);
  assert_true (a->beta_start == b->beta_start && a->beta_end == b->beta_end);
  assert_int_equal (a->trained_betas != NULL, b->trained_betas != NULL);
  for (int i = 0; a->trained_betas != NULL && i < a->num_train_timesteps; i++)
    assert_true (a->trained_betas[i] == b->trained_betas[i]);
  assert_true (a->prediction_type == b->prediction_type && a->variance_type == b->variance_type);
  assert_true (a->clip_sample == b->clip_sample && a->clip_sample_range == b->clip_sample_range);
  assert_true (a->set_alpha_to_one == b->set_alpha_to_one && a->steps_offset == b->steps_offset);
  assert_true (a->timestep_spacing == b->timestep_spacing && a->is_ddim == b->is_ddim);
  assert_int_equal (a->rescale_betas_zero_snr, b->rescale_betas_zero_snr);
}

static void
scheduler_texts_read_back (void **state)
{
  static const char *const texts[] = {
    "{}", "{\"_class_name\":\"DDIMScheduler\",\"set_alpha_to_one\":false,\"steps_offset\":1,\"clip_sample\":false}",
    "{\"variance_type\":\"fixed_large\",\"prediction_type\":\"sample\",\"clip_sample_range\":2.5}",
    "{\"beta_schedule\":\"squaredcos_cap_v2\",\"prediction_type\":\"v_prediction\",\"rescale_betas_zero_snr\":true,"
    "\"timestep_spacing\":\"trailing\"}",
    "{\"beta_schedule\":\"scaled_linear\",\"beta_start\":0.00085,\"beta_end\":0.012,\"num_train_timesteps\":200,"
    "\"timestep_spacing\":\"linspace\"}",
    "{\"num_train_timesteps\":3,\"trained_betas\":[0.1,0.02,0.3]}",
  };

  (void) state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    {
      df_scheduler_config first = scheduler (texts[i]), again;
      char               *text = df_scheduler_config_text (&first);

      again = scheduler (text);
      check_same_scheduler (&again, &first);
      df_scheduler_config_clear (&first);
      df_scheduler_config_clear (&again);
      free (text);
    }
}

/* ------------------------------------------------------------------ card */

static const char full_card[] =
  "{\"title\":\"Über\\n\\\"Alles\\\"\",\"description\":\"d\",\"licence\":\"CC0-1.0\",\"attribution\":\"a\","
  "\"terms\":\"t\",\"class_names\":[\"grass\",\"Größe\"],\"null_class\":2,\"size\":\"any\",\"tileable\":true,"
  "\"pixel_scale\":1,\"sampler\":\"ddpm\",\"steps\":20,\"denoise_steps\":9,\"start_t\":0,\"spacing\":\"quad\","
  "\"eta\":0.25,\"guidance\":2,\"clip\":\"clip\",\"training_command\":\"x\",\"training_time\":\"an hour\"}";

static df_card
card (const char *text)
{
  df_card  out;
  df_error err;

  if (df_card_parse (&out, text, strlen (text), "card.json", &err) != DF_OK)
    fail_msg ("%s", err.text);
  return out;
}

static void
check_full (const df_card *c)
{
  assert_string_equal (c->title, "Über\n\"Alles\"");
  assert_string_equal (c->licence, "CC0-1.0");
  assert_string_equal (c->training_command, "x");
  assert_string_equal (c->training_time, "an hour");
  assert_int_equal (c->num_class_names, 2);
  assert_string_equal (c->class_names[1], "Größe");
  assert_true (c->null_class == 2 && c->any_size && c->tileable && c->steps == 20 && c->denoise_steps == 9);
  assert_true (c->start_t == 0 && c->eta == 0.25 && c->guidance == 2.0);
  assert_true (c->sampler == DF_SAMPLER_DDPM && c->spacing == DF_SPACING_QUAD && c->clip == DF_CLIP_CLIP);
}

static void
a_card_reads_back (void **state)
{
  df_card first = card (full_card), again;
  char   *text  = df_card_text (&first);

  (void) state;
  check_full (&first);
  again = card (text);
  check_full (&again);
  free (text);
  df_card_clear (&first);
  df_card_clear (&again);
}

static void
check_silent (const df_card *c)
{
  assert_true (c->title == NULL && c->description == NULL && c->licence == NULL && c->attribution == NULL);
  assert_true (c->terms == NULL && c->class_names == NULL && c->num_class_names == 0 && c->null_class == -1);
  assert_true (!c->any_size && !c->tileable && c->steps == -1 && c->denoise_steps == -1 && c->start_t == -1);
  assert_true (c->eta == -1.0 && c->guidance == -1.0 && c->sampler == -1 && c->spacing == -1 && c->clip == -1);
}

static void
an_empty_card_is_silent_and_reads_back (void **state)
{
  df_card silent = card ("{\"title\":null,\"steps\":null,\"unknown\":1}"), again;
  char   *text = df_card_text (&silent);

  (void) state;
  again = card (text);
  check_silent (&silent);
  check_silent (&again);
  free (text);
}

static df_status
parse_full (void *user, df_error *err)
{
  (void) user;
  return parse_card (full_card, err);
}

static void
a_card_without_memory_says_so (void **state)
{
  (void) state;
  assert_int_equal (scratch_without_memory (parse_full, NULL), 10);   /* seven texts, a list, two names */
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (absent_unet_keys_are_diffusers_defaults),
    cmocka_unit_test (the_google_configuration_is_read),
    cmocka_unit_test (the_guided_configuration_is_read),
    cmocka_unit_test (resampling_is_told_by_block_or_key),
    cmocka_unit_test (what_is_not_supported_is_refused_by_name),
    cmocka_unit_test (no_beginning_of_a_file_passes_for_the_file),
    cmocka_unit_test (unet_texts_read_back),
    cmocka_unit_test (absent_scheduler_keys_are_diffusers_defaults),
    cmocka_unit_test (solvers_lend_their_tables),
    cmocka_unit_test (scheduler_texts_read_back),
    cmocka_unit_test (a_card_reads_back),
    cmocka_unit_test (an_empty_card_is_silent_and_reads_back),
    cmocka_unit_test (a_card_without_memory_says_so),
  };

  setlocale (LC_CTYPE, "C.UTF-8");
  return cmocka_run_group_tests (tests, NULL, NULL);
}
