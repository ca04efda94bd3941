/* SPDX-License-Identifier: GPL-3.0-or-later */
/* unet_config: UNet2DModel's config.json (diffusers models/unets/unet_2d.py). Traps: an absent attention_head_dim
 * is 8, null is one head; the mid block's attention has no norm when attn_norm_num_groups is null and
 * the time embedding scales and shifts. */
#include "model/config.h"

#include "model/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const down_types[] = { "DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D", NULL };
static const char *const up_types[]   = { "UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D", NULL };
static const char *const resamples[]  = { "conv", "resnet", NULL };
static const char *const shifts[]     = { "default", "scale_shift", NULL };

/* Where null is another network than absence is. */
static const char *const never_null[] = { "mid_block_type", "norm_num_groups" };

/* Options of which one value is supported; absent and null mean that value. */
static const char *const fixed_words[][2] = {
  { "time_embedding_type", "positional" },
  { "mid_block_type", "UNetMidBlock2D" },
};

static void
read_sample_size (df_json *json, df_unet_config *out)
{
  yyjson_val *size = yyjson_obj_get (json->root, "sample_size");
  yyjson_val *h    = yyjson_is_arr (size) ? yyjson_arr_get (size, 0) : size;
  yyjson_val *w    = yyjson_is_arr (size) ? yyjson_arr_get (size, 1) : size;

  if (size == NULL || yyjson_is_null (size))
    return;
  if (!yyjson_is_uint (h) || !yyjson_is_uint (w) || yyjson_get_uint (h) < 1 || yyjson_get_uint (h) > 65536 ||
      yyjson_get_uint (w) < 1 || yyjson_get_uint (w) > 65536)
    {
      df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"sample_size\" must be a side or [height, width].");
      return;
    }
  out->sample_height = (int) yyjson_get_uint (h);
  out->sample_width  = (int) yyjson_get_uint (w);
}

static void
read_channels (df_json *json, df_unet_config *out)
{
  static const int standard[] = { 224, 448, 672, 896 };
  yyjson_val      *list = df_json_array (json, "block_out_channels");

  out->levels = list == NULL ? 4 : (int) yyjson_arr_size (list);
  if (out->levels < 1 || out->levels > DF_MAX_LEVELS)
    {
      df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"block_out_channels\" must have 1 to %d entries.", DF_MAX_LEVELS);
      out->levels = 1;
    }
  for (int i = 0; i < out->levels; i++)
    {
      yyjson_val *c = yyjson_arr_get (list, (size_t) i);

      out->block_out_channels[i] = list == NULL ? standard[i] : yyjson_get_int (c);
      if (list != NULL && (!yyjson_is_uint (c) || yyjson_get_uint (c) < 2 || yyjson_get_uint (c) > 4096 ||
                           yyjson_get_uint (c) % 2 != 0))
        df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"block_out_channels\" must be even numbers from 2 to 4096.");
    }
}

/* One of the two lists of block types; what: "down" or "up". */
static void
read_blocks (df_json *json, df_unet_config *out, const char *key, const char *const *types, df_resample standard,
             bool *attention, df_resample *resample)
{
  yyjson_val *list = df_json_array (json, key);
  bool        down = types == down_types;

  if (list != NULL && (int) yyjson_arr_size (list) != out->levels)
    df_json_refuse (json, DF_ERROR_FORMAT, "\"%s\" must have as many entries as block_out_channels (%d).", key,
                    out->levels);
  for (int i = 0; i < out->levels; i++)
    {
      const char *name = yyjson_get_str (yyjson_arr_get (list, (size_t) i));
      int         type = 0;

      while (name != NULL && types[type] != NULL && strcmp (name, types[type]) != 0)
        type++;
      if (list != NULL && (name == NULL || types[type] == NULL))
        df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"%s\" has \"%.60s\"; supported are %s, %s and %s.", key,
                        name != NULL ? name : "?", types[0], types[1], types[2]);
      if (list == NULL)   /* UNet2DModel: plain first down and last up, attention elsewhere */
        type = i == (down ? 0 : out->levels - 1) ? 0 : 1;
      attention[i] = type == 1;
      resample[i]  = type == 2 ? DF_RESAMPLE_RESNET : type == 1 ? standard : DF_RESAMPLE_CONV;
    }
}

static void
read_attention (df_json *json, df_unet_config *out)
{
  yyjson_val *dim = yyjson_obj_get (json->root, "attention_head_dim");

  out->attention_head_dim   = yyjson_is_null (dim) ? 0 : df_json_int (json, "attention_head_dim", 8, 1, 4096);
  out->add_attention        = df_json_bool (json, "add_attention", true);
  out->attn_norm_num_groups = df_json_int (json, "attn_norm_num_groups",
                                           out->resnet_time_scale_shift == DF_TIME_DEFAULT ? out->norm_num_groups : 0,
                                           1, 4096);
}

static void
check_words (df_json *json)
{
  const char *act = df_json_string (json, "act_fn", "silu");

  if (strcmp (act, "silu") != 0 && strcmp (act, "swish") != 0)
    df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"act_fn\" is \"%.60s\"; supported is silu.", act);
  for (size_t i = 0; i < sizeof fixed_words / sizeof *fixed_words; i++)
    {
      const char *word = df_json_string (json, fixed_words[i][0], fixed_words[i][1]);

      if (strcmp (word, fixed_words[i][1]) != 0)
        df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"%s\" is \"%.60s\"; supported is %s.", fixed_words[i][0], word,
                        fixed_words[i][1]);
    }
  if (df_json_string (json, "class_embed_type", NULL) != NULL)
    df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"class_embed_type\" is \"%.60s\"; supported is null (a table).",
                    df_json_string (json, "class_embed_type", ""));
  for (size_t i = 0; i < sizeof never_null / sizeof *never_null; i++)
    if (yyjson_is_null (yyjson_obj_get (json->root, never_null[i])))
      df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"%s\" null is not supported.", never_null[i]);
}

/* Channels that norms divide: at every level, and at every concat of the way up. */
static void
check_groups (df_json *json, const df_unet_config *c)
{
  for (int i = 0; i < c->levels; i++)
    if (c->block_out_channels[i] % c->norm_num_groups != 0)
      df_json_refuse (json, DF_ERROR_UNSUPPORTED,
                      "\"norm_num_groups\" (%d) must divide every entry of \"block_out_channels\" (%d).",
                      c->norm_num_groups, c->block_out_channels[i]);
  if (c->attn_norm_num_groups > 0 && c->block_out_channels[c->levels - 1] % c->attn_norm_num_groups != 0)
    df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"attn_norm_num_groups\" (%d) must divide %d channels.",
                    c->attn_norm_num_groups, c->block_out_channels[c->levels - 1]);
}

df_status
df_unet_config_parse (df_unet_config *out, const char *text, size_t size, const char *where, df_error *err)
{
  df_json   json;
  df_status status = df_json_open (&json, text, size, where, err);

  memset (out, 0, sizeof *out);
  if (status == DF_OK)
    {
      const char *name = df_json_string (&json, "_class_name", "UNet2DModel");

      if (strcmp (name, "UNet2DModel") != 0)
        df_json_refuse (&json, DF_ERROR_UNSUPPORTED, "\"_class_name\" is \"%.60s\"; supported is UNet2DModel.", name);
      read_sample_size (&json, out);
      out->in_channels         = df_json_int (&json, "in_channels", 3, 1, 64);
      out->out_channels        = df_json_int (&json, "out_channels", 3, 1, 64);
      out->center_input_sample = df_json_bool (&json, "center_input_sample", false);
      out->freq_shift          = df_json_number (&json, "freq_shift", 0);
      out->flip_sin_to_cos     = df_json_bool (&json, "flip_sin_to_cos", true);
      out->layers_per_block    = df_json_int (&json, "layers_per_block", 2, 1, 16);
      out->downsample_padding  = df_json_int (&json, "downsample_padding", 1, 0, 1);
      out->norm_num_groups     = df_json_int (&json, "norm_num_groups", 32, 1, 4096);
      out->norm_eps            = df_json_number (&json, "norm_eps", 1e-5);
      out->num_class_embeds    = df_json_int (&json, "num_class_embeds", 0, 1, 1 << 20);
      out->mid_block_scale_factor  = df_json_number (&json, "mid_block_scale_factor", 1);
      out->resnet_time_scale_shift = (df_time_scale_shift) df_json_word (&json, "resnet_time_scale_shift", shifts, 0);
      read_channels (&json, out);
      read_blocks (&json, out, "down_block_types", down_types,
                   (df_resample) df_json_word (&json, "downsample_type", resamples, 0), out->down_attention,
                   out->down_resample);
      read_blocks (&json, out, "up_block_types", up_types,
                   (df_resample) df_json_word (&json, "upsample_type", resamples, 0), out->up_attention,
                   out->up_resample);
      read_attention (&json, out);
      check_words (&json);
      if (json.status == DF_OK)
        check_groups (&json, out);
      if (!(out->freq_shift < out->block_out_channels[0] / 2))
        df_json_refuse (&json, DF_ERROR_UNSUPPORTED, "\"freq_shift\" must be below half of the first entry of "
                                                     "\"block_out_channels\" (%d).", out->block_out_channels[0]);
      if (!(out->mid_block_scale_factor > 0) || !(out->norm_eps > 0))
        df_json_refuse (&json, DF_ERROR_UNSUPPORTED, "\"mid_block_scale_factor\" and \"norm_eps\" must be above 0.");
      status = json.status;
    }
  df_json_close (&json);
  return status;
}

/* ------------------------------------------------------------------ writing */

static void
add_blocks (yyjson_mut_doc *doc, yyjson_mut_val *root, const df_unet_config *c, const char *key,
            const char *const *types, const bool *attention, const df_resample *resample)
{
  yyjson_mut_val *list = yyjson_mut_obj_add_arr (doc, root, key);

  for (int i = 0; i < c->levels; i++)
    yyjson_mut_arr_add_str (doc, list, types[attention[i] ? 1 : resample[i] == DF_RESAMPLE_RESNET ? 2 : 0]);
}

/* AttnDownBlock2D and AttnUpBlock2D take their resampling from one key for all levels. */
static const char *
attention_resample (const df_unet_config *c, const bool *attention, const df_resample *resample)
{
  for (int i = 0; i < c->levels; i++)
    if (attention[i] && resample[i] == DF_RESAMPLE_RESNET)
      return resamples[DF_RESAMPLE_RESNET];
  return resamples[DF_RESAMPLE_CONV];
}

static void
add_size (yyjson_mut_doc *doc, yyjson_mut_val *root, const df_unet_config *c)
{
  yyjson_mut_val *size;

  if (c->sample_width == c->sample_height)
    {
      if (c->sample_width > 0)
        yyjson_mut_obj_add_int (doc, root, "sample_size", c->sample_width);
      return;
    }
  size = yyjson_mut_obj_add_arr (doc, root, "sample_size");
  yyjson_mut_arr_add_int (doc, size, c->sample_height);
  yyjson_mut_arr_add_int (doc, size, c->sample_width);
}

char *
df_unet_config_text (const df_unet_config *c)
{
  yyjson_mut_doc *doc  = yyjson_mut_doc_new (NULL);
  yyjson_mut_val *root = yyjson_mut_obj (doc), *list;
  char           *text;

  yyjson_mut_doc_set_root (doc, root);
  yyjson_mut_obj_add_str (doc, root, "_class_name", "UNet2DModel");
  yyjson_mut_obj_add_str (doc, root, "act_fn", "silu");
  yyjson_mut_obj_add_bool (doc, root, "add_attention", c->add_attention);
  if (c->attention_head_dim > 0)
    yyjson_mut_obj_add_int (doc, root, "attention_head_dim", c->attention_head_dim);
  else
    yyjson_mut_obj_add_null (doc, root, "attention_head_dim");
  if (c->attn_norm_num_groups > 0)
    yyjson_mut_obj_add_int (doc, root, "attn_norm_num_groups", c->attn_norm_num_groups);
  list = yyjson_mut_obj_add_arr (doc, root, "block_out_channels");
  for (int i = 0; i < c->levels; i++)
    yyjson_mut_arr_add_int (doc, list, c->block_out_channels[i]);
  yyjson_mut_obj_add_bool (doc, root, "center_input_sample", c->center_input_sample);
  add_blocks (doc, root, c, "down_block_types", down_types, c->down_attention, c->down_resample);
  yyjson_mut_obj_add_int (doc, root, "downsample_padding", c->downsample_padding);
  yyjson_mut_obj_add_str (doc, root, "downsample_type", attention_resample (c, c->down_attention, c->down_resample));
  yyjson_mut_obj_add_bool (doc, root, "flip_sin_to_cos", c->flip_sin_to_cos);
  yyjson_mut_obj_add_real (doc, root, "freq_shift", c->freq_shift);
  yyjson_mut_obj_add_int (doc, root, "in_channels", c->in_channels);
  yyjson_mut_obj_add_int (doc, root, "layers_per_block", c->layers_per_block);
  yyjson_mut_obj_add_real (doc, root, "mid_block_scale_factor", c->mid_block_scale_factor);
  yyjson_mut_obj_add_real (doc, root, "norm_eps", c->norm_eps);
  yyjson_mut_obj_add_int (doc, root, "norm_num_groups", c->norm_num_groups);
  if (c->num_class_embeds > 0)
    yyjson_mut_obj_add_int (doc, root, "num_class_embeds", c->num_class_embeds);
  yyjson_mut_obj_add_int (doc, root, "out_channels", c->out_channels);
  yyjson_mut_obj_add_str (doc, root, "resnet_time_scale_shift", shifts[c->resnet_time_scale_shift]);
  add_size (doc, root, c);
  yyjson_mut_obj_add_str (doc, root, "time_embedding_type", "positional");
  add_blocks (doc, root, c, "up_block_types", up_types, c->up_attention, c->up_resample);
  yyjson_mut_obj_add_str (doc, root, "upsample_type", attention_resample (c, c->up_attention, c->up_resample));
  text = yyjson_mut_write (doc, YYJSON_WRITE_PRETTY, NULL);
  yyjson_mut_doc_free (doc);
  return text;
}
