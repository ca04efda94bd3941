/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Model folders: what opens, what a model says of itself, every refusal, and saving. */
#include "base/alloc.h"
#include "base/mapped.h"
#include "fixture.h"
#include "model/model.h"
#include "model/names.h"
#include "model/safetensors.h"
#include "scratch.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>
#include <cmocka.h>

#define WEIGHTS "unet/diffusion_pytorch_model.safetensors"
#define CONFIG  "unet/config.json"

/* ------------------------------------------------------------------ a model to damage */

typedef struct sample
{
  df_unet_config      unet;
  df_scheduler_config scheduler;
  df_card             card;
  df_graph            graph;
  fixture_params      params;
  df_weight          *weights;
  size_t              count;
} sample;

static sample good;   /* made once, written into each test's folder */

static void
make_sample (void)
{
  static const char scheduler[] = "{\"_class_name\":\"DDIMScheduler\",\"prediction_type\":\"v_prediction\"}";
  fixture_rng       rng = { 5 };

  good.unet = fixture_config ();
  good.unet.add_attention    = true;
  good.unet.num_class_embeds = 4;
  assert_int_equal (df_scheduler_config_parse (&good.scheduler, scheduler, sizeof scheduler - 1, "s", NULL), DF_OK);
  df_card_empty (&good.card);
  assert_int_equal (df_graph_build (&good.graph, &good.unet, NULL), DF_OK);
  good.params  = fixture_params_new (&good.graph, &rng);
  good.count   = (size_t) good.graph.num_params;
  good.weights = df_alloc (good.count, sizeof *good.weights);
  for (size_t i = 0; i < good.count; i++)
    {
      const df_param *p = &good.graph.params[i];

      good.weights[i] = (df_weight) { .name = p->name, .dims = p->dims, .count = p->count,
                                      .data = good.params.as_file[i] };
      memcpy (good.weights[i].shape, p->shape, sizeof p->shape);
    }
}

static void
free_sample (void)
{
  fixture_params_free (&good.params);
  df_graph_clear (&good.graph);
  df_free (good.weights);
}

static void
save_good (const char *folder, bool fp16)
{
  df_error err;

  if (df_model_save (folder, &good.unet, &good.scheduler, &good.card, good.weights, good.count, fp16, &err) != DF_OK)
    fail_msg ("%s", err.text);
}

static size_t
index_of (const char *name)
{
  for (size_t i = 0; i < good.count; i++)
    if (strcmp (good.weights[i].name, name) == 0)
      return i;
  fail_msg ("no tensor %s", name);
  return 0;
}

/* The good tensors, ready to be changed, with room for one more. */
static df_tensor_out *
tensors_of_good (void)
{
  df_tensor_out *out = df_alloc (good.count + 1, sizeof *out);

  for (size_t i = 0; i < good.count; i++)
    {
      out[i] = (df_tensor_out) { .name = good.weights[i].name, .dtype = DF_F32, .dims = good.weights[i].dims,
                                 .data = good.weights[i].data };
      memcpy (out[i].shape, good.weights[i].shape, sizeof good.weights[i].shape);
    }
  return out;
}

static void
write_weights (const char *folder, df_tensor_out *tensors, size_t count)
{
  char *path = df_path_join (folder, WEIGHTS);

  assert_int_equal (df_safetensors_write (path, tensors, count, NULL, NULL), DF_OK);
  df_free (path);
  df_free (tensors);
}

static df_model *
opened (const char *folder)
{
  df_model *model;
  df_error  err;

  if (df_model_open (&model, folder, &err) != DF_OK)
    fail_msg ("%s", err.text);
  return model;
}

static void
opens_as_good (const char *folder, double tolerance)
{
  df_model *model = opened (folder);

  assert_int_equal (model->num_weights, good.count);
  for (size_t i = 0; i < good.count; i++)
    {
      const df_weight *want = &good.weights[i];
      const df_weight *w    = df_model_weight (model, want->name, want->dims, want->shape, NULL);

      assert_non_null (w);
      for (size_t j = 0; j < want->count; j++)
        assert_true (fabs ((double) w->data[j] - want->data[j]) <= tolerance * (fabs ((double) want->data[j]) + 0x1p-14));
    }
  df_model_close (model);
}

static void
refused (const char *folder, df_status wanted, const char *word, const char *more)
{
  df_model *model = (df_model *) &good;
  df_error  err   = { 0 };
  df_status status = df_model_open (&model, folder, &err);

  assert_null (model);
  scratch_refused (word, status, &err, wanted, word);
  scratch_refused (word, status, &err, wanted, more);
}

/* ------------------------------------------------------------------ public configurations */

static yyjson_doc *
read_vector (const char *folder, const char *name, const char *end, char **text)
{
  char        path[200];
  size_t      size;
  yyjson_doc *doc;

  snprintf (path, sizeof path, "public-configs/%s%s", name, end);
  *text = scratch_read (folder, path, &size);
  doc   = yyjson_read (*text, size, 0);
  assert_non_null (doc);
  return doc;
}

/* diffusers built these two; its names, its shapes, its number of parameters (core.md §2.1). */
static void
names_shapes_and_counts_are_diffusers (void **state)
{
  static const struct { const char *name; long long parameters; } cases[] = { { "cifar10-32", 35746307 },
                                                                              { "ddpm-256", 113673219 } };
  const char *vectors = getenv ("DF_VECTORS");

  (void) state;
  assert_non_null (vectors);
  for (size_t i = 0; i < 2; i++)
    {
      char          *config_text, *tensors_text;
      yyjson_doc    *config_doc = read_vector (vectors, cases[i].name, "/config.json", &config_text);
      yyjson_doc    *doc = read_vector (vectors, cases[i].name, ".tensors.json", &tensors_text);
      yyjson_val    *list = yyjson_doc_get_root (doc);
      df_unet_config config;
      df_graph       graph;
      long long      parameters = 0;

      assert_int_equal (df_unet_config_parse (&config, config_text, strlen (config_text), "c", NULL), DF_OK);
      assert_int_equal (df_graph_build (&graph, &config, NULL), DF_OK);
      assert_int_equal (graph.num_params, yyjson_arr_size (list));
      for (int p = 0; p < graph.num_params; p++)
        {
          const df_param *param = &graph.params[p];
          size_t          at = 0;
          yyjson_val     *shape;

          while (at < yyjson_arr_size (list) &&
                 !yyjson_equals_str (yyjson_arr_get (yyjson_arr_get (list, at), 0), param->name))
            at++;
          if (at == yyjson_arr_size (list))
            fail_msg ("%s is no tensor of diffusers", param->name);
          shape = yyjson_arr_get (yyjson_arr_get (list, at), 1);
          assert_int_equal (yyjson_arr_size (shape), param->dims);
          for (int d = 0; d < param->dims; d++)
            assert_int_equal (yyjson_get_uint (yyjson_arr_get (shape, (size_t) d)), param->shape[d]);
          parameters += (long long) param->count;
        }
      assert_int_equal (parameters, cases[i].parameters);
      df_graph_clear (&graph);
      yyjson_doc_free (config_doc);
      yyjson_doc_free (doc);
      free (config_text);
      free (tensors_text);
    }
}

/* ------------------------------------------------------------------ names */

static void
old_spellings_become_todays (void **state)
{
  static const char *const pairs[][2] = {
    { "conv_in.weight", "conv_in.weight" },
    { "mid_block.attentions.0.query.weight", "mid_block.attentions.0.to_q.weight" },
    { "mid_block.attentions.0.key.bias", "mid_block.attentions.0.to_k.bias" },
    { "down_blocks.1.attentions.0.value.weight", "down_blocks.1.attentions.0.to_v.weight" },
    { "down_blocks.1.attentions.0.proj_attn.bias", "down_blocks.1.attentions.0.to_out.0.bias" },
    { "up_blocks.1.attentions.2.q.weight", "up_blocks.1.attentions.2.to_q.weight" },
    { "up_blocks.1.attentions.2.k.weight", "up_blocks.1.attentions.2.to_k.weight" },
    { "up_blocks.1.attentions.2.v.weight", "up_blocks.1.attentions.2.to_v.weight" },
    { "up_blocks.1.attentions.2.proj_out.weight", "up_blocks.1.attentions.2.to_out.0.weight" },
    { "up_blocks.1.attentions.2.to_q.weight", "up_blocks.1.attentions.2.to_q.weight" },
    { "up_blocks.1.attentions.2.group_norm.weight", "up_blocks.1.attentions.2.group_norm.weight" },
    { "down_blocks.0.downsamplers.0.Conv2d_0.weight", "down_blocks.0.downsamplers.0.conv.weight" },
    { "key.query.value", "key.query.value" },
  };
  char out[64], tight[15];

  (void) state;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    {
      assert_true (df_canonical_name (pairs[i][0], out, sizeof out));
      assert_string_equal (out, pairs[i][1]);
    }
  assert_true (df_canonical_name ("conv_in.weight", tight, 15));
  assert_false (df_canonical_name ("conv_in.weights", tight, 15));
}

/* As files of 2022 spell attention, with weights of four, three and two dimensions. */
static void
old_files_open (void **state)
{
  df_tensor_out *t = tensors_of_good ();
  size_t         q = index_of ("mid_block.attentions.0.to_q.weight"), k = index_of ("mid_block.attentions.0.to_k.weight");
  size_t         o = index_of ("mid_block.attentions.0.to_out.0.bias");
  size_t         c = index_of ("down_blocks.0.downsamplers.0.conv.weight");

  save_good (*state, false);
  t[q].name = "mid_block.attentions.0.query.weight";
  t[q].dims = 4;
  t[q].shape[2] = t[q].shape[3] = 1;
  t[k].name = "mid_block.attentions.0.key.weight";
  t[k].dims = 3;
  t[k].shape[2] = 1;
  t[o].name = "mid_block.attentions.0.proj_attn.bias";
  t[c].name = "down_blocks.0.downsamplers.0.Conv2d_0.weight";
  write_weights (*state, t, good.count);
  opens_as_good (*state, 0.0);
}

static void
both_spellings_must_be_the_same_tensor (void **state)
{
  size_t         c = index_of ("down_blocks.0.downsamplers.0.conv.bias");
  df_tensor_out *t = tensors_of_good ();

  save_good (*state, false);
  t[good.count]      = t[c];
  t[good.count].name = "down_blocks.0.downsamplers.0.Conv2d_0.bias";
  write_weights (*state, t, good.count + 1);
  opens_as_good (*state, 0.0);

  t = tensors_of_good ();
  t[good.count]      = t[c];
  t[good.count].name = "down_blocks.0.downsamplers.0.Conv2d_0.bias";
  t[good.count].data = good.weights[index_of ("conv_in.bias")].data;
  write_weights (*state, t, good.count + 1);
  refused (*state, DF_ERROR_FORMAT, "two different tensors", "down_blocks.0.downsamplers.0.conv.bias");
}

/* ------------------------------------------------------------------ folders */

static void
a_saved_folder_opens (void **state)
{
  save_good (*state, false);
  opens_as_good (*state, 0.0);
  save_good (*state, true);   /* over the other */
  opens_as_good (*state, 1.0 / 2048.0);
}

static void
make_flat (const char *folder, bool keep_index)
{
  save_good (folder, false);
  scratch_move (folder, CONFIG, "config.json");
  scratch_move (folder, WEIGHTS, "diffusion_pytorch_model.safetensors");
  scratch_move (folder, "scheduler/scheduler_config.json", "scheduler_config.json");
  scratch_remove (folder, "unet");
  scratch_remove (folder, "scheduler");
  if (!keep_index)
    scratch_remove (folder, "model_index.json");
}

/* The google folders of the Hub have model_index.json beside config.json; the pipeline falls back to the root. */
static void
a_flat_folder_opens (void **state)
{
  make_flat (*state, true);
  opens_as_good (*state, 0.0);
  scratch_remove (*state, "model_index.json");
  opens_as_good (*state, 0.0);
}

static void
other_names_of_the_weights_open (void **state)
{
  save_good (*state, true);
  scratch_move (*state, WEIGHTS, "unet/diffusion_pytorch_model.fp16.safetensors");
  opens_as_good (*state, 1.0 / 2048.0);
  scratch_move (*state, "unet/diffusion_pytorch_model.fp16.safetensors", "unet/model.safetensors");
  opens_as_good (*state, 1.0 / 2048.0);
}

static void
missing_files_are_named (void **state)
{
  char nowhere[600];

  snprintf (nowhere, sizeof nowhere, "%s/nowhere", (const char *) *state);
  refused (nowhere, DF_ERROR_IO, "nowhere", "not a model folder");
  refused (*state, DF_ERROR_IO, "not a model folder", "config.json");
  save_good (*state, false);
  scratch_remove (*state, WEIGHTS);
  refused (*state, DF_ERROR_IO, "no weights", "diffusion_pytorch_model.safetensors in unet/");
  scratch_text (*state, "unet/diffusion_pytorch_model.bin", "PK");
  refused (*state, DF_ERROR_UNSUPPORTED, "diffusion_pytorch_model.bin", "safe_serialization=True");
  scratch_text (*state, "unet/diffusion_pytorch_model.safetensors.index.json", "{}");
  refused (*state, DF_ERROR_UNSUPPORTED, "several files", "max_shard_size");
  scratch_remove (*state, "scheduler/scheduler_config.json");
  refused (*state, DF_ERROR_IO, "scheduler/scheduler_config.json", "No such file");
  scratch_empty (*state);
  make_flat (*state, false);
  scratch_remove (*state, "scheduler_config.json");
  refused (*state, DF_ERROR_IO, "scheduler_config.json", "No such file");
}

static void
damaged_parts_are_named (void **state)
{
  save_good (*state, false);
  scratch_text (*state, "card.json", "{\"steps\":0}");
  refused (*state, DF_ERROR_UNSUPPORTED, "card.json", "steps");
  scratch_text (*state, "card.json", "{\"start_t\":1000}");
  refused (*state, DF_ERROR_FORMAT, "card.json", "below 1000");
  scratch_text (*state, "scheduler/scheduler_config.json", "");
  refused (*state, DF_ERROR_FORMAT, "scheduler_config.json", "not JSON");
  scratch_text (*state, CONFIG, "{\"act_fn\":\"mish\"}");
  refused (*state, DF_ERROR_UNSUPPORTED, CONFIG, "mish");
  scratch_text (*state, CONFIG, "{\"in_channels\":2,\"out_channels\":2}");
  refused (*state, DF_ERROR_UNSUPPORTED, "in_channels", "1, 3 and 4");
  scratch_text (*state, CONFIG, "{\"in_channels\":3,\"out_channels\":6}");
  refused (*state, DF_ERROR_UNSUPPORTED, "out_channels", "6");
}

/* ------------------------------------------------------------------ weights */

static void
weights_must_be_those_of_the_network (void **state)
{
  size_t         b = index_of ("conv_in.bias"), w = index_of ("conv_in.weight");
  df_tensor_out *t;

  save_good (*state, false);
  t = tensors_of_good ();
  t[b] = t[good.count - 1];
  write_weights (*state, t, good.count - 1);
  refused (*state, DF_ERROR_FORMAT, "conv_in.bias", "missing");

  t = tensors_of_good ();
  t[w].shape[2] = 9;
  t[w].shape[3] = 1;
  write_weights (*state, t, good.count);
  refused (*state, DF_ERROR_FORMAT, "conv_in.weight is [8,3,9,1]", "[8,3,3,3]");

  t = tensors_of_good ();
  t[b].dims     = 2;
  t[b].shape[1] = 1;
  write_weights (*state, t, good.count);
  refused (*state, DF_ERROR_FORMAT, "conv_in.bias is [8,1,1,1]", "[8,1,1,1]");

  t = tensors_of_good ();
  t[good.count]      = t[b];
  t[good.count].name = "encoder_hid_proj.bias";
  write_weights (*state, t, good.count + 1);
  refused (*state, DF_ERROR_FORMAT, "encoder_hid_proj.bias", "not part of the network");
}

static void
weights_must_be_numbers_of_a_usable_kind (void **state)
{
  static const int64_t whole[8]  = { 1 };
  static const float   nans[8]   = { 0, NAN }, infinite[8] = { [7] = INFINITY };
  char                 name[200];
  size_t               b = index_of ("conv_in.bias");
  df_tensor_out       *t = tensors_of_good ();

  save_good (*state, false);
  t[b].data = nans;
  write_weights (*state, t, good.count);
  refused (*state, DF_ERROR_FORMAT, "conv_in.bias", "not finite");
  t = tensors_of_good ();
  t[b].data  = infinite;
  t[b].dtype = DF_F16;
  write_weights (*state, t, good.count);
  refused (*state, DF_ERROR_FORMAT, "conv_in.bias", "not finite");
  t = tensors_of_good ();
  t[b].data  = whole;
  t[b].dtype = DF_I64;
  write_weights (*state, t, good.count);
  refused (*state, DF_ERROR_UNSUPPORTED, "conv_in.bias", "whole numbers");
  t = tensors_of_good ();
  t[b].dims = 5;
  for (int d = 1; d < 5; d++)
    t[b].shape[d] = 1;
  write_weights (*state, t, good.count);
  refused (*state, DF_ERROR_FORMAT, "conv_in.bias", "not one of a UNet2DModel");
  t = tensors_of_good ();
  memset (name, 'x', sizeof name);
  name[sizeof name - 1] = '\0';
  t[b].name = name;
  write_weights (*state, t, good.count);
  refused (*state, DF_ERROR_FORMAT, "xxxx", "not one of a UNet2DModel");
}

/* A header whose length is not a multiple of 4 leaves every float unaligned. */
static void
unaligned_weights_are_copied (void **state)
{
  char          *bytes, *shifted;
  size_t         size;

  save_good (*state, false);
  bytes   = scratch_read (*state, WEIGHTS, &size);
  shifted = malloc (size + 1);
  memcpy (shifted, bytes, 8);
  shifted[0]++;
  shifted[8] = ' ';
  memcpy (shifted + 9, bytes + 8, size - 8);
  assert_true ((unsigned char) bytes[0] < 255);
  scratch_write (*state, WEIGHTS, shifted, size + 1);
  free (bytes);
  free (shifted);
  opens_as_good (*state, 0.0);
}

/* ------------------------------------------------------------------ what it says of itself */

static void
without_a_card_the_network_speaks (void **state)
{
  df_model            *model;
  const df_model_info *info;
  long long            parameters = 0;

  save_good (*state, false);
  scratch_remove (*state, "card.json");
  model = opened (*state);
  info  = df_model_describe (model);
  for (size_t i = 0; i < good.count; i++)
    parameters += (long long) good.weights[i].count;
  assert_int_equal (info->parameters, parameters);
  assert_string_equal (info->path, *state);
  assert_string_equal (info->title, strrchr (*state, '/') + 1);
  assert_string_equal (info->licence, "");
  assert_string_equal (info->thumbnail_path, "");
  assert_non_null (strstr (info->weights_path, WEIGHTS));
  assert_true (info->channels == 3 && info->native_width == 8 && info->native_height == 8 && info->size_multiple == 2);
  assert_true (!info->any_size && !info->tileable && info->num_train_timesteps == 1000);
  assert_true (info->prediction == DF_PREDICTION_V && info->num_classes == 4 && info->null_class == -1);
  assert_string_equal (info->class_names[3], "3");
  assert_true (info->sampler == DF_SAMPLER_DDIM && info->steps == 50 && info->denoise_steps == 25);
  assert_true (info->spacing == DF_SPACING_LINEAR && info->eta == 0.0 && info->guidance == 1.0);
  for (int t = 0; t < 1000; t++)   /* none nearer */
    assert_true (fabs (df_level_at (model, t).sqrt_alpha - 0.6) >=
                 fabs (df_level_at (model, info->start_t).sqrt_alpha - 0.6));
  df_model_close (model);
}

static void
a_card_recommends (void **state)
{
  df_model            *model;
  const df_model_info *info;

  save_good (*state, false);
  scratch_text (*state, "thumbnail.png", "picture");
  scratch_text (*state, "card.json",
                "{\"title\":\"T\",\"licence\":\"L\",\"class_names\":[\"a\",\"b\",\"c\"],\"null_class\":3,\"size\":\"any\","
                "\"tileable\":true,\"sampler\":\"ddpm\",\"steps\":7,\"denoise_steps\":5,\"start_t\":400,\"eta\":0.5,"
                "\"spacing\":\"quad\",\"guidance\":2,\"clip\":\"none\"}");
  model = opened (*state);
  info  = df_model_describe (model);
  assert_string_equal (info->title, "T");
  assert_string_equal (info->licence, "L");
  assert_non_null (strstr (info->thumbnail_path, "/thumbnail.png"));
  assert_true (info->num_classes == 3 && info->null_class == 3 && info->any_size && info->tileable);
  assert_string_equal (info->class_names[1], "b");
  assert_true (info->sampler == DF_SAMPLER_DDPM && info->steps == 7 && info->denoise_steps == 5);
  assert_true (info->start_t == 400 && info->eta == 0.5 && info->spacing == DF_SPACING_QUAD);
  assert_true (info->guidance == 2.0 && info->clip == DF_CLIP_NONE);
  df_model_close (model);
}

static void
classes_are_those_a_user_can_ask_for (void **state)
{
  static const struct { const char *card; int classes; } fine[] = {
    { "{\"null_class\":3}", 3 }, { "{\"null_class\":0}", 4 }, { "{\"class_names\":[\"x\"]}", 1 },
  };

  save_good (*state, false);
  for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
    {
      df_model *model;

      scratch_text (*state, "card.json", fine[i].card);
      model = opened (*state);
      assert_int_equal (df_model_describe (model)->num_classes, fine[i].classes);
      df_model_close (model);
    }
  scratch_text (*state, "card.json", "{\"null_class\":4}");
  refused (*state, DF_ERROR_FORMAT, "card.json", "does not have (4)");
  scratch_text (*state, "card.json", "{\"class_names\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}");
  refused (*state, DF_ERROR_FORMAT, "card.json", "does not have (4)");
}

static void
the_tiny_model_opens (void **state)
{
  char                 path[1024];
  df_model            *model;
  const df_model_info *info;

  (void) state;
  assert_non_null (getenv ("DF_MODELS"));
  snprintf (path, sizeof path, "%s/tiny", getenv ("DF_MODELS"));
  model = opened (path);
  info  = df_model_describe (model);
  assert_true (info->num_classes == 3 && info->null_class == 3 && info->any_size && info->size_multiple == 2);
  assert_true (info->thumbnail_path[0] != '\0' && info->licence[0] != '\0');
  df_model_close (model);
}

/* Another wording of two formats. */
static const char *
reworded (const char *text)
{
  return strcmp (text, "%s: %s") == 0 ? "%s → %s" : strstr (text, "true or false") != NULL ? "„%s“: ja oder nein." : text;
}

static void
errors_come_in_the_callers_language (void **state)
{
  df_error  err;
  df_model *model;

  save_good (*state, true);
  scratch_text (*state, "unet/config.json", "{\"add_attention\": 7}");
  df_set_translator (reworded);
  assert_int_equal (df_model_open (&model, *state, &err), DF_ERROR_FORMAT);
  df_set_translator (NULL);
  assert_non_null (strstr (err.text, "config.json → „add_attention“: ja oder nein."));
  assert_int_equal (df_model_open (&model, *state, &err), DF_ERROR_FORMAT);
  assert_non_null (strstr (err.text, "config.json: \"add_attention\" must be true or false."));
}

/* ------------------------------------------------------------------ memory, saving */

static df_status
open_and_close (void *folder, df_error *err)
{
  df_model *model;
  df_status status = df_model_open (&model, folder, err);

  df_model_close (model);
  return status;
}

static void
opening_without_memory_says_so (void **state)
{
  save_good (*state, true);
  scratch_text (*state, "thumbnail.png", "picture");
  assert_true (scratch_without_memory (open_and_close, *state) > 20);
}

static df_status
save_again (void *folder, df_error *err)
{
  return df_model_save (folder, &good.unet, &good.scheduler, &good.card, good.weights, good.count, true, err);
}

/* An older model stays whole as long as its weights have not been replaced: they come last. */
static void
saving_without_memory_leaves_a_model (void **state)
{
  save_good (*state, true);
  assert_true (scratch_without_memory (save_again, *state) > (long) good.count);
  (void) df_alloc_fail_at (12);
  assert_int_equal (save_again (*state, NULL), DF_ERROR_MEMORY);
  (void) df_alloc_fail_at (0);
  opens_as_good (*state, 1.0 / 2048.0);
}

static void
saving_where_nothing_can_be_is_an_io_error (void **state)
{
  char     path[600];
  df_error err;

  snprintf (path, sizeof path, "%s/file", (const char *) *state);
  scratch_text (*state, "file", "in the way");
  scratch_refused ("a file", save_again (path, &err), &err, DF_ERROR_IO, path);
  snprintf (path, sizeof path, "%s/file/model", (const char *) *state);
  scratch_refused ("below a file", save_again (path, &err), &err, DF_ERROR_IO, path);
}

#define in_scratch(test) cmocka_unit_test_setup_teardown (test, scratch_setup, scratch_teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (names_shapes_and_counts_are_diffusers),
    cmocka_unit_test (old_spellings_become_todays),
    in_scratch (old_files_open),
    in_scratch (both_spellings_must_be_the_same_tensor),
    in_scratch (a_saved_folder_opens),
    in_scratch (a_flat_folder_opens),
    in_scratch (other_names_of_the_weights_open),
    in_scratch (missing_files_are_named),
    in_scratch (damaged_parts_are_named),
    in_scratch (weights_must_be_those_of_the_network),
    in_scratch (weights_must_be_numbers_of_a_usable_kind),
    in_scratch (unaligned_weights_are_copied),
    in_scratch (without_a_card_the_network_speaks),
    in_scratch (a_card_recommends),
    in_scratch (classes_are_those_a_user_can_ask_for),
    cmocka_unit_test (the_tiny_model_opens),
    in_scratch (errors_come_in_the_callers_language),
    in_scratch (opening_without_memory_says_so),
    in_scratch (saving_without_memory_leaves_a_model),
    in_scratch (saving_where_nothing_can_be_is_an_io_error),
  };
  int failed;

  setlocale (LC_CTYPE, "C.UTF-8");
  make_sample ();
  failed = cmocka_run_group_tests (tests, NULL, NULL);
  free_sample ();
  return failed;
}
