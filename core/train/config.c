/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config: see config.h. A key that is not in the tables is an error: a typing error must not train for hours. */
#include "train/config.h"

#include "base/alloc.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

typedef struct number_key
{
  const char *name;
  size_t      offset;
  double      standard, low, high;
} number_key;

#define NUMBER(field, standard, low, high) { #field, offsetof (df_train_config, field), standard, low, high }

static const number_key numbers[] = {
  NUMBER (learning_rate, 1e-3, 0, 1),     NUMBER (warmup_steps, 100, 0, 1e9),  NUMBER (beta1, .9, 0, 1),
  NUMBER (beta2, .99, 0, 1),              NUMBER (epsilon, 1e-8, 0, 1),        NUMBER (weight_decay, 1e-4, 0, 1),
  NUMBER (clip_norm, 1, 0, 1e9),          NUMBER (ema_decay, .999, 0, 1),      NUMBER (class_dropout, .1, 0, 1),
  NUMBER (min_snr_gamma, 0, 0, 1e9),      NUMBER (balance, .5, 0, 1),          NUMBER (picture_size, 0, 0, 65536),
  NUMBER (flip_x, 1, 0, 1),               NUMBER (flip_y, 0, 0, 1),            NUMBER (rotate, 0, 0, 1),
  NUMBER (wrap, 1, 0, 1),                 NUMBER (circular, 0, 0, 1),          NUMBER (steps, 0, 0, 1e9),
  NUMBER (minutes, 3, 0, 1e6),
  NUMBER (seed, 0, 0, 2147483647),        NUMBER (threads, 0, 0, 1024),
  NUMBER (texton, 0, 0, 1),               NUMBER (memory_mb, 0, 0, 1e9),
};
#define NUM_NUMBERS (sizeof numbers / sizeof *numbers)

/* A network that learns textures on two cores (training.md): no attention, three levels, v and cosine. */
static const char standard_unet[] =
  "{\"block_out_channels\": [64, 128, 192], \"layers_per_block\": 1, \"norm_num_groups\": 16,"
  " \"down_block_types\": [\"DownBlock2D\", \"DownBlock2D\", \"DownBlock2D\"],"
  " \"up_block_types\": [\"UpBlock2D\", \"UpBlock2D\", \"UpBlock2D\"], \"add_attention\": false}";
static const char standard_scheduler[] =
  "{\"_class_name\": \"DDIMScheduler\", \"beta_schedule\": \"squaredcos_cap_v2\","
  " \"prediction_type\": \"v_prediction\", \"clip_sample\": false, \"timestep_spacing\": \"trailing\"}";

static double *
field (df_train_config *config, const number_key *key)
{
  return (double *) (void *) ((char *) config + key->offset);
}

static df_status
read_number (df_train_config *out, const char *name, yyjson_val *value, df_error *err)
{
  for (size_t i = 0; i < NUM_NUMBERS; i++)
    if (strcmp (name, numbers[i].name) == 0)
      {
        double x = yyjson_is_bool (value) ? (double) yyjson_get_bool (value) : yyjson_get_num (value);

        if ((!yyjson_is_num (value) && !yyjson_is_bool (value)) || !(x >= numbers[i].low && x <= numbers[i].high))
          return df_fail (err, DF_ERROR_ARGUMENT, "Training configuration: \"%s\" must be a number from %g to %g.",
                          name, numbers[i].low, numbers[i].high);
        *field (out, &numbers[i]) = x;
        return DF_OK;
      }
  return df_fail (err, DF_ERROR_ARGUMENT, "Training configuration: unknown key \"%s\".", name);
}

/* "size": the side of squares, or a list of [width, height]. FALSE: something is wrong. */
static bool
read_sizes (df_train_config *out, df_train_phase *phase, yyjson_val *size, const df_train_crop *shape)
{
  int multiple = 1 << (out->unet.levels - 1), count = yyjson_is_arr (size) ? (int) yyjson_arr_size (size) : 1;

  *phase = (df_train_phase) { out->num_crops, count, phase->share };
  if (count < 1 || count > DF_MAX_CROPS - out->num_crops)
    return false;
  for (int i = 0; i < count; i++)
    {
      yyjson_val    *pair = yyjson_is_arr (size) ? yyjson_arr_get (size, (size_t) i) : NULL;
      df_train_crop *crop = &out->crops[out->num_crops++];
      int            least;

      *crop        = *shape;
      crop->width  = yyjson_get_int (pair != NULL ? yyjson_arr_get (pair, 0) : size);
      crop->height = yyjson_get_int (pair != NULL ? yyjson_arr_get (pair, 1) : size);
      least        = crop->width < crop->height ? crop->width : crop->height;
      if (least < multiple || crop->width > 1024 || crop->height > 1024 || crop->width % multiple != 0 ||
          crop->height % multiple != 0 || 2 * crop->margin >= least || (pair != NULL && yyjson_arr_size (pair) != 2))
        return false;
    }
  return true;
}

static df_status
read_phases (df_train_config *out, yyjson_val *list, df_error *err)
{
  out->num_phases = out->num_crops = 0;
  for (size_t i = 0; i < yyjson_arr_size (list); i++)
    {
      yyjson_val    *entry = yyjson_arr_get (list, i);
      df_train_phase p     = { .share = yyjson_get_num (yyjson_obj_get (entry, "share")) };
      df_train_crop  shape = { .batch  = yyjson_get_int (yyjson_obj_get (entry, "batch")),
                               .margin = yyjson_get_int (yyjson_obj_get (entry, "margin")) };

      if (i == DF_MAX_PHASES || shape.batch < 1 || shape.batch > 4096 || !(p.share > 0) || shape.margin < 0 ||
          !read_sizes (out, &p, yyjson_obj_get (entry, "size"), &shape))
        return df_fail (err, DF_ERROR_ARGUMENT,
                        "Training configuration: \"phases\" must be up to %d objects with size (a multiple of %d, or a list "
                        "of such [width, height]; %d in all), batch, share and margin (less than half of size).",
                        DF_MAX_PHASES, 1 << (out->unet.levels - 1), DF_MAX_CROPS);
      out->phases[out->num_phases++] = p;
    }
  if (out->num_phases == 0)
    return df_fail (err, DF_ERROR_ARGUMENT, "Training configuration: \"phases\" must not be empty.");
  return DF_OK;
}

/* ------------------------------------------------------------------ the whole as a document */

/* free () */
static char *
copy_text (const char *text)
{
  char *copy = malloc (strlen (text) + 1);

  return copy != NULL ? strcpy (copy, text) : NULL;
}

/* What the parts are where the configuration does not say. */
typedef struct parts
{
  char *unet, *scheduler, *card;       /* JSON; free () */
} parts;

static parts
standard_parts (const df_model *base)
{
  if (base == NULL)
    return (parts) { copy_text (standard_unet), copy_text (standard_scheduler), copy_text ("{}") };
  return (parts) { df_unet_config_text (&base->unet), df_scheduler_config_text (&base->scheduler),
                   df_card_text (&base->card) };
}

/* An object of the document: the given one, else a copy of the standard text. */
static yyjson_mut_val *
add_part (yyjson_mut_doc *doc, const char *key, yyjson_val *given, const char *standard)
{
  yyjson_doc     *text = standard != NULL ? yyjson_read (standard, strlen (standard), 0) : NULL;
  yyjson_mut_val *part = yyjson_val_mut_copy (doc, given != NULL ? given : yyjson_doc_get_root (text));

  yyjson_mut_obj_add_val (doc, yyjson_mut_doc_get_root (doc), key, part);
  yyjson_doc_free (text);
  return part;
}

/* Of a base, pictures without classes take the network without its classes. */
static void
complete_unet (yyjson_mut_doc *doc, yyjson_val *given, const char *standard, int classes, int channels)
{
  yyjson_mut_val *unet = add_part (doc, "unet", given, standard);

  if (!yyjson_mut_is_obj (unet))
    return;
  if (yyjson_mut_obj_get (unet, "in_channels") == NULL)
    yyjson_mut_obj_add_int (doc, unet, "in_channels", channels);
  if (yyjson_mut_obj_get (unet, "out_channels") == NULL)
    yyjson_mut_obj_add_int (doc, unet, "out_channels", channels);
  if (given == NULL && classes == 0)
    yyjson_mut_obj_remove_key (unet, "num_class_embeds");
  else if (classes > 0 && yyjson_mut_obj_get (unet, "num_class_embeds") == NULL)
    yyjson_mut_obj_add_int (doc, unet, "num_class_embeds", classes + 1);
}

/* The card of the base, with what the given one says instead. */
static void
complete_card (yyjson_mut_doc *doc, yyjson_val *given, const char *standard, int classes)
{
  yyjson_mut_val *card = add_part (doc, "card", NULL, standard);
  yyjson_obj_iter iter = yyjson_obj_iter_with (given);
  yyjson_val     *key;

  yyjson_mut_obj_remove_key (card, "training_command");     /* the base's own */
  yyjson_mut_obj_remove_key (card, "training_time");
  if (classes == 0)
    {
      yyjson_mut_obj_remove_key (card, "class_names");
      yyjson_mut_obj_remove_key (card, "null_class");
      yyjson_mut_obj_remove_key (card, "guidance");
    }
  while (given != NULL && (key = yyjson_obj_iter_next (&iter)) != NULL)
    yyjson_mut_obj_put (card, yyjson_val_mut_copy (doc, key), yyjson_val_mut_copy (doc, yyjson_obj_iter_get_val (key)));
}

/* The given keys over the standard ones, as one document that says everything. */
static yyjson_mut_doc *
complete (yyjson_val *given, const df_model *base, int classes, int channels)
{
  yyjson_mut_doc *doc    = yyjson_mut_doc_new (NULL);
  yyjson_mut_val *root   = yyjson_mut_obj (doc);
  yyjson_val     *phases = yyjson_obj_get (given, "phases"), *name = yyjson_obj_get (given, "base");
  parts           p      = standard_parts (base);

  yyjson_mut_doc_set_root (doc, root);
  yyjson_mut_obj_add_strcpy (doc, root, "base", name != NULL ? yyjson_get_str (name) : "");
  complete_unet (doc, yyjson_obj_get (given, "unet"), p.unet, classes, channels);
  add_part (doc, "scheduler", yyjson_obj_get (given, "scheduler"), p.scheduler);
  complete_card (doc, yyjson_obj_get (given, "card"), p.card, classes);
  if (phases != NULL)
    yyjson_mut_obj_add_val (doc, root, "phases", yyjson_val_mut_copy (doc, phases));
  else
    {
      yyjson_mut_val *list = yyjson_mut_obj_add_arr (doc, root, "phases");
      yyjson_mut_val *one  = yyjson_mut_arr_add_obj (doc, list);

      yyjson_mut_obj_add_int (doc, one, "size", 32);
      yyjson_mut_obj_add_int (doc, one, "batch", 8);
      yyjson_mut_obj_add_int (doc, one, "share", 1);
    }
  free (p.unet);
  free (p.scheduler);
  free (p.card);
  return doc;
}

static df_status
parse_part (yyjson_val *root, const char *key, df_train_config *out, df_error *err)
{
  size_t    size;
  char     *text   = yyjson_val_write (yyjson_obj_get (root, key), 0, &size);
  df_status status = DF_ERROR_MEMORY;

  if (text == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory for the training configuration.");
  if (strcmp (key, "unet") == 0)
    status = df_unet_config_parse (&out->unet, text, size, "training configuration, unet", err);
  else if (strcmp (key, "scheduler") == 0)
    status = df_scheduler_config_parse (&out->scheduler, text, size, "training configuration, scheduler", err);
  else
    status = df_card_parse (&out->card, text, size, "training configuration, card", err);
  free (text);
  return status;
}

static df_status
read_root (df_train_config *out, yyjson_val *given, yyjson_val *whole, df_error *err)
{
  yyjson_obj_iter iter = yyjson_obj_iter_with (given);
  yyjson_val     *key;

  for (size_t i = 0; i < NUM_NUMBERS; i++)
    *field (out, &numbers[i]) = numbers[i].standard;
  DF_TRY (parse_part (whole, "unet", out, err));
  DF_TRY (parse_part (whole, "scheduler", out, err));
  DF_TRY (parse_part (whole, "card", out, err));
  DF_TRY (read_phases (out, yyjson_obj_get (whole, "phases"), err));
  while (given != NULL && (key = yyjson_obj_iter_next (&iter)) != NULL)
    {
      const char *name = yyjson_get_str (key);

      if (yyjson_obj_get (whole, name) == NULL)
        DF_TRY (read_number (out, name, yyjson_obj_iter_get_val (key), err));
    }
  return DF_OK;
}

static df_status
write_text (df_train_config *out, yyjson_mut_doc *doc, df_error *err)
{
  for (size_t i = 0; i < NUM_NUMBERS; i++)
    yyjson_mut_obj_add_real (doc, yyjson_mut_doc_get_root (doc), numbers[i].name, *field (out, &numbers[i]));
  out->text = yyjson_mut_write (doc, YYJSON_WRITE_PRETTY, NULL);
  return out->text != NULL ? DF_OK : df_fail (err, DF_ERROR_MEMORY, "Out of memory for the training configuration.");
}

/* The model that the run starts from. */
static df_status
open_base (df_train_config *out, yyjson_val *given, bool resumed, df_error *err)
{
  yyjson_val *name = yyjson_obj_get (given, "base");

  if (name != NULL && !yyjson_is_str (name))
    return df_fail (err, DF_ERROR_ARGUMENT, "Training configuration: \"base\" must be the path of a model folder.");
  out->based = name != NULL && yyjson_get_len (name) > 0;
  if (!out->based || (resumed && yyjson_obj_get (given, "unet") != NULL))
    return DF_OK;
  return df_model_load (&out->base, yyjson_get_str (name), err);
}

static df_status
read_given (df_train_config *out, yyjson_val *given, int classes, int channels, bool resumed, df_error *err)
{
  yyjson_mut_doc *doc;
  yyjson_doc     *whole;
  df_status       status;

  DF_TRY (open_base (out, given, resumed, err));
  doc    = complete (given, out->base, classes, channels);
  whole  = yyjson_mut_doc_imut_copy (doc, NULL);
  status = whole == NULL ? df_fail (err, DF_ERROR_MEMORY, "Out of memory for the training configuration.")
                         : read_root (out, given, yyjson_doc_get_root (whole), err);
  if (status == DF_OK)
    status = write_text (out, doc, err);
  yyjson_doc_free (whole);
  yyjson_mut_doc_free (doc);
  return status;
}

df_status
df_train_config_read (df_train_config *out, const char *text, int classes, int channels, bool resumed, df_error *err)
{
  yyjson_read_err problem = { 0 };
  yyjson_doc     *given   = NULL;
  df_status       status;

  memset (out, 0, sizeof *out);
  df_card_empty (&out->card);
  if (text != NULL)
    given = yyjson_read_opts ((char *) text, strlen (text), 0, NULL, &problem);
  if (text != NULL && !yyjson_is_obj (yyjson_doc_get_root (given)))
    status = df_fail (err, DF_ERROR_ARGUMENT, "Training configuration: not a JSON object (%s at byte %zu).",
                      problem.msg != NULL ? problem.msg : "wrong type", problem.pos);
  else
    status = read_given (out, yyjson_doc_get_root (given), classes, channels, resumed, err);
  yyjson_doc_free (given);
  if (status != DF_OK)
    df_train_config_clear (out);
  return status;
}

void
df_train_config_clear (df_train_config *config)
{
  df_scheduler_config_clear (&config->scheduler);
  df_card_clear (&config->card);
  df_model_close (config->base);
  free (config->text);
  config->base = NULL;
  config->text = NULL;
}
