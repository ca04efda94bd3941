/* SPDX-License-Identifier: GPL-3.0-or-later */
/* model: opening a folder, nested as save_pretrained writes it (model_index.json, unet/, scheduler/) or flat as the
 * Hub has it (core.md §2.1). Trap: a flat folder may have a model_index.json too. */
#include "model/model.h"

#include "base/alloc.h"
#include "base/mapped.h"
#include "model/names.h"
#include "model/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 160   /* of a tensor */

/* ------------------------------------------------------------------ paths */

typedef struct folder
{
  const char *path;
  bool        nested;
} folder;

static char *
path_of (const folder *f, const char *part, const char *name)
{
  char  *inner = f->nested && part != NULL ? df_path_join (part, name) : df_strdup (name);
  char  *path  = inner != NULL ? df_path_join (f->path, inner) : NULL;

  df_free (inner);
  return path;
}

static bool
has (const folder *f, const char *part, const char *name)
{
  char path[4096];   /* no system opens longer ones */
  int  n = snprintf (path, sizeof path, "%s/%s%s%s", f->path, f->nested && part != NULL ? part : "",
                     f->nested && part != NULL ? "/" : "", name);

  return n > 0 && (size_t) n < sizeof path && df_file_exists (path);
}

static df_status
no_memory (df_error *err, const char *path)
{
  return df_fail (err, DF_ERROR_MEMORY, "Out of memory while the model %s was opened.", path);
}

/* ------------------------------------------------------------------ JSON files */

typedef df_status (*parse_fn) (void *out, const char *text, size_t size, const char *where, df_error *err);

static df_status
parse_unet (void *out, const char *text, size_t size, const char *where, df_error *err)
{
  return df_unet_config_parse (out, text, size, where, err);
}

static df_status
parse_scheduler (void *out, const char *text, size_t size, const char *where, df_error *err)
{
  return df_scheduler_config_parse (out, text, size, where, err);
}

static df_status
parse_card (void *out, const char *text, size_t size, const char *where, df_error *err)
{
  return df_card_parse (out, text, size, where, err);
}

static df_status
read_json (const folder *f, const char *part, const char *name, parse_fn parse, void *out, df_error *err)
{
  char     *path = path_of (f, part, name);
  df_mapped map;
  df_status status;

  if (path == NULL)
    return no_memory (err, f->path);
  status = df_mapped_open (&map, path, err);
  if (status == DF_OK)
    {
      status = parse (out, map.bytes, map.size, path, err);
      df_mapped_close (&map);
    }
  df_free (path);
  return status;
}

/* ------------------------------------------------------------------ weights */

static df_status
find_file (const folder *f, char **out, df_error *err)
{
  static const char *const names[] = { "diffusion_pytorch_model.safetensors", "model.safetensors",
                                       "diffusion_pytorch_model.fp16.safetensors" };
  static const char *const others[] = { "diffusion_pytorch_model.bin", "pytorch_model.bin", "model.pt", "model.ckpt" };

  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (has (f, "unet", names[i]))
      {
        *out = path_of (f, "unet", names[i]);
        return *out != NULL ? DF_OK : no_memory (err, f->path);
      }
  if (has (f, "unet", "diffusion_pytorch_model.safetensors.index.json"))
    return df_fail (err, DF_ERROR_UNSUPPORTED,
                    "%s has its weights in several files; save it again with max_shard_size larger than the model.",
                    f->path);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (has (f, "unet", others[i]))
      return df_fail (err, DF_ERROR_UNSUPPORTED,
                      "%s has its weights as %s; convert it in diffusers with save_pretrained (…, "
                      "safe_serialization=True).", f->path, others[i]);
  return df_fail (err, DF_ERROR_IO, "%s has no weights (diffusion_pytorch_model.safetensors%s).", f->path,
                  f->nested ? " in unet/" : "");
}

static bool
usable_as_is (const df_tensor_entry *e)
{
  return e->dtype == DF_F32 && (uintptr_t) e->data % sizeof (float) == 0;
}

static df_status
check_finite (const df_weight *w, const char *where, df_error *err)
{
  for (size_t i = 0; i < w->count; i++)
    if (!isfinite (w->data[i]))
      return df_fail (err, DF_ERROR_FORMAT, "%s is damaged: %s holds values that are not finite.", where, w->name);
  return DF_OK;
}

static int
by_name (const void *a, const void *b)
{
  return strcmp (((const df_weight *) a)->name, ((const df_weight *) b)->name);
}

static df_status
take_weight (df_model *model, const df_tensor_entry *e, float **room, const char *where, df_error *err)
{
  df_weight *w    = &model->weights[model->num_weights];
  char      *name = model->names + model->num_weights * NAME_SIZE;

  if (e->dtype == DF_I64 || e->dtype == DF_U8)
    return df_fail (err, DF_ERROR_UNSUPPORTED, "%s: tensor %.80s is of whole numbers; weights must be F32, F16 or BF16.",
                    where, e->name);
  if (e->dims < 1 || e->dims > 4 || !df_canonical_name (e->name, name, NAME_SIZE))
    return df_fail (err, DF_ERROR_FORMAT, "%s: tensor %.80s is not one of a UNet2DModel.", where, e->name);
  *w = (df_weight) { .name = name, .dims = e->dims, .shape = { 1, 1, 1, 1 }, .count = e->count, .data = e->data };
  for (int i = 0; i < e->dims; i++)
    w->shape[i] = e->shape[i];
  if (!usable_as_is (e))
    {
      df_tensor_to_float (e, *room);
      w->data = *room;
      *room  += (e->count + 15) / 16 * 16;
    }
  model->num_weights++;
  return check_finite (w, where, err);
}

/* Two spellings of one tensor, as some versions wrote them, must be the same tensor: one is kept. */
static df_status
drop_twins (df_model *model, const char *where, df_error *err)
{
  size_t kept = 0;

  for (size_t i = 0; i < model->num_weights; i++)
    {
      const df_weight *w = &model->weights[i], *last = kept > 0 ? &model->weights[kept - 1] : NULL;

      if (last == NULL || strcmp (last->name, w->name) != 0)
        model->weights[kept++] = *w;
      else if (last->count != w->count || memcmp (last->data, w->data, w->count * sizeof *w->data) != 0)
        return df_fail (err, DF_ERROR_FORMAT, "%s is damaged: it holds two different tensors %s.", where, w->name);
    }
  model->num_weights = kept;
  return DF_OK;
}

static df_status
read_weights (df_model *model, const char *path, df_error *err)
{
  size_t n, total = 0;
  float *room;

  DF_TRY (df_safetensors_open (&model->file, path, err));
  n = df_safetensors_count (model->file);
  for (size_t i = 0; i < n; i++)
    if (!usable_as_is (df_safetensors_entry (model->file, i)))
      total += (df_safetensors_entry (model->file, i)->count + 15) / 16 * 16;
  model->weights   = df_alloc (n + 1, sizeof *model->weights);
  model->names     = df_alloc (n + 1, NAME_SIZE);
  model->converted = room = df_alloc (total, sizeof *room);
  if (model->weights == NULL || model->names == NULL || room == NULL)
    return no_memory (err, path);
  for (size_t i = 0; i < n; i++)
    DF_TRY (take_weight (model, df_safetensors_entry (model->file, i), &room, path, err));
  qsort (model->weights, model->num_weights, sizeof *model->weights, by_name);
  return drop_twins (model, path, err);
}

static bool
same_shape (const df_weight *w, int dims, const size_t *shape)
{
  bool same = w->dims == dims || (dims == 2 && w->dims > 2);

  for (int i = 0; i < 4; i++)
    same = same && w->shape[i] == (i < dims ? shape[i] : 1);
  return same;
}

const df_weight *
df_model_weight (const df_model *model, const char *name, int dims, const size_t *shape, df_error *err)
{
  df_weight        key = { .name = name };
  const df_weight *w   = bsearch (&key, model->weights, model->num_weights, sizeof key, by_name);

  if (w == NULL)
    {
      df_fail (err, DF_ERROR_FORMAT, "%s: tensor %s is missing; config.json and weights do not belong together.",
               model->info.weights_path, name);
      return NULL;
    }
  if (same_shape (w, dims, shape))
    return w;
  df_fail (err, DF_ERROR_FORMAT,
           "%s: tensor %s is [%zu,%zu,%zu,%zu], config.json asks for [%zu,%zu,%zu,%zu].", model->info.weights_path,
           name, w->shape[0], w->shape[1], w->shape[2], w->shape[3], shape[0], dims > 1 ? shape[1] : 1,
           dims > 2 ? shape[2] : 1, dims > 3 ? shape[3] : 1);
  return NULL;
}

/* ------------------------------------------------------------------ what it says of itself */

static const char *
text_or (const char *text, const char *other)
{
  return text != NULL ? text : other;
}

static const char *
last_part (const char *path)
{
  const char *slash = strrchr (path, '/');

  return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* Names from the card, or decimal indices; the null class is not one that a user asks for. */
static df_status
describe_classes (df_model *model, df_error *err)
{
  df_model_info *info = &model->info;
  const df_card *card = &model->card;
  int            n    = model->unet.num_class_embeds;

  info->null_class = card->null_class;
  if (info->null_class >= n || card->num_class_names > n)
    return df_fail (err, DF_ERROR_FORMAT, "%s/card.json names classes that the network does not have (%d).", info->path, n);
  info->num_classes = card->class_names != NULL ? card->num_class_names : info->null_class == n - 1 && n > 0 ? n - 1 : n;
  model->class_names = df_alloc ((size_t) info->num_classes + 1, sizeof *model->class_names);
  for (int i = 0; model->class_names != NULL && i < info->num_classes; i++)
    {
      char number[16];

      snprintf (number, sizeof number, "%d", i);
      model->class_names[i] = df_strdup (card->class_names != NULL ? card->class_names[i] : number);
      if (model->class_names[i] == NULL)
        return no_memory (err, info->path);
    }
  info->class_names = (const char *const *) model->class_names;
  return model->class_names != NULL ? DF_OK : no_memory (err, info->path);
}

static df_status
describe (df_model *model, const folder *f, df_error *err)
{
  df_model_info             *info = &model->info;
  const df_card             *card = &model->card;
  const df_scheduler_config *s    = &model->scheduler;

  if (has (f, NULL, "thumbnail.png"))
    info->thumbnail_path = path_of (f, NULL, "thumbnail.png");
  if (info->thumbnail_path == NULL)
    return no_memory (err, info->path);
  info->title       = text_or (card->title, last_part (info->path));
  info->description = text_or (card->description, "");
  info->licence     = text_or (card->licence, "");
  info->attribution = text_or (card->attribution, "");
  info->terms       = text_or (card->terms, "");
  info->training_command = text_or (card->training_command, "");
  info->training_time    = text_or (card->training_time, "");
  info->channels    = model->unet.in_channels;
  info->size_multiple = 1 << (model->unet.levels - 1);
  info->native_width  = model->unet.sample_width > 0 ? model->unet.sample_width : 64;
  info->native_height = model->unet.sample_height > 0 ? model->unet.sample_height : 64;
  info->any_size      = card->any_size;
  info->tileable      = card->tileable;
  info->num_train_timesteps = s->num_train_timesteps;
  info->prediction    = s->prediction_type;
  info->sampler       = card->sampler >= 0 ? (df_sampler) card->sampler : DF_SAMPLER_DDIM;
  info->steps         = card->steps > 0 ? card->steps : 50;
  info->denoise_steps = card->denoise_steps > 0 ? card->denoise_steps : 25;
  info->start_t       = card->start_t;
  info->spacing       = card->spacing >= 0 ? (df_spacing) card->spacing : DF_SPACING_LINEAR;
  info->eta           = card->eta >= 0 ? card->eta : 0;
  info->guidance      = card->guidance >= 0 ? card->guidance : 1;
  info->clip          = card->clip >= 0 ? (df_clip) card->clip : s->clip_sample ? DF_CLIP_REDERIVE : DF_CLIP_NONE;
  for (size_t i = 0; i < model->num_weights; i++)
    info->parameters += (long long) model->weights[i].count;
  return describe_classes (model, err);
}

/* ------------------------------------------------------------------ opening */

static df_status
read_texton (const folder *f, df_texton *out, int channels, df_error *err)
{
  char     *path;
  df_status status;

  if (!has (f, NULL, DF_TEXTON_FILE))
    return DF_OK;
  path   = path_of (f, NULL, DF_TEXTON_FILE);
  status = path != NULL ? df_texton_load (out, path, channels, err) : no_memory (err, f->path);
  df_free (path);
  return status;
}

static df_status
check_channels (const df_model *model, df_error *err)
{
  int c = model->unet.in_channels;

  if (c != 1 && c != 3 && c != 4)
    return df_fail (err, DF_ERROR_UNSUPPORTED, "%s: in_channels is %d; supported are 1, 3 and 4.", model->info.path, c);
  if (model->unet.out_channels != c)
    return df_fail (err, DF_ERROR_UNSUPPORTED, "%s: out_channels is %d, in_channels %d; they must be the same.",
                    model->info.path, model->unet.out_channels, c);
  return DF_OK;
}

static df_status
load_into (df_model *model, const char *path, df_error *err)
{
  folder f = { path, false };
  char  *weights;

  df_card_empty (&model->card);
  model->info.path = df_strdup (path);
  model->info.thumbnail_path = "";
  if (model->info.path == NULL)
    return no_memory (err, path);
  f.nested = has (&f, NULL, "unet/config.json");
  if (!has (&f, "unet", "config.json"))
    return df_fail (err, DF_ERROR_IO, "%s is not a model folder: there is no unet/config.json and no config.json in it.",
                    path);
  DF_TRY (read_json (&f, "unet", "config.json", parse_unet, &model->unet, err));
  DF_TRY (check_channels (model, err));
  DF_TRY (read_json (&f, "scheduler", "scheduler_config.json", parse_scheduler, &model->scheduler, err));
  if (has (&f, NULL, "card.json"))
    DF_TRY (read_json (&f, NULL, "card.json", parse_card, &model->card, err));
  DF_TRY (find_file (&f, &weights, err));
  model->info.weights_path = weights;
  DF_TRY (read_weights (model, weights, err));
  DF_TRY (read_texton (&f, &model->texton, model->unet.in_channels, err));
  return describe (model, &f, err);
}

df_status
df_model_load (df_model **out, const char *path, df_error *err)
{
  df_model *model = df_alloc (1, sizeof *model);
  df_status status;

  *out = NULL;
  if (model == NULL)
    return no_memory (err, path);
  status = load_into (model, path, err);
  if (status == DF_OK)
    *out = model;
  else
    df_model_close (model);
  return status;
}

void
df_model_close (df_model *model)
{
  if (model == NULL)
    return;
  for (int i = 0; model->class_names != NULL && i < model->info.num_classes; i++)
    df_free (model->class_names[i]);
  df_free (model->class_names);
  df_free ((void *) model->info.path);
  df_free ((void *) model->info.weights_path);
  if (model->info.thumbnail_path != NULL && model->info.thumbnail_path[0] != '\0')
    df_free ((void *) model->info.thumbnail_path);
  df_scheduler_config_clear (&model->scheduler);
  df_card_clear (&model->card);
  df_texton_clear (&model->texton);
  df_safetensors_close (model->file);
  df_free (model->weights);
  df_free (model->names);
  df_free (model->converted);
  df_free (model);
}

const df_model_info *
df_model_describe (const df_model *model)
{
  return &model->info;
}
