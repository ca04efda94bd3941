/* SPDX-License-Identifier: GPL-3.0-or-later */
/* card: card.json, what a model of ours says to a human; see config.h. */
#include "model/config.h"

#include "base/alloc.h"
#include "model/json.h"

#include <stdlib.h>
#include <string.h>

static const char *const samplers[] = { "ddim", "ddpm", NULL };
static const char *const spacings[] = { "leading", "trailing", "linspace", "linear", "quad", NULL };
static const char *const clips[]    = { "none", "clip", "rederive", NULL };
static const char *const sizes[]    = { "native", "any", NULL };

/* The texts of a card, by key. */
typedef struct card_text { const char *key; char **text; } card_text;
#define TEXTS 7

static void
texts_of (df_card *card, card_text out[TEXTS])
{
  const card_text all[TEXTS] = {
    { "title", &card->title }, { "description", &card->description }, { "licence", &card->licence },
    { "attribution", &card->attribution }, { "terms", &card->terms }, { "training_command", &card->training_command },
    { "training_time", &card->training_time },
  };

  memcpy (out, all, sizeof all);
}

void
df_card_empty (df_card *out)
{
  *out = (df_card) { .null_class = -1, .steps = -1, .denoise_steps = -1, .start_t = -1, .eta = -1, .guidance = -1,
                     .sampler = -1, .spacing = -1, .clip = -1 };
}

void
df_card_clear (df_card *card)
{
  card_text texts[TEXTS];

  texts_of (card, texts);
  for (int i = 0; i < TEXTS; i++)
    df_free (*texts[i].text);
  for (int i = 0; i < card->num_class_names; i++)
    df_free (card->class_names[i]);
  df_free (card->class_names);
  df_card_empty (card);
}

static char *
copy_string (df_json *json, const char *key)
{
  const char *text = df_json_string (json, key, NULL);
  char       *copy = text != NULL ? df_strdup (text) : NULL;

  if (text != NULL && copy == NULL)
    df_json_refuse (json, DF_ERROR_MEMORY, "out of memory.");
  return copy;
}

static void
read_class_names (df_json *json, df_card *out)
{
  yyjson_val *list = df_json_array (json, "class_names");
  size_t      n    = yyjson_arr_size (list);

  if (list == NULL)
    return;
  out->class_names = df_alloc (n, sizeof *out->class_names);
  if (out->class_names == NULL)
    df_json_refuse (json, DF_ERROR_MEMORY, "out of memory.");
  for (size_t i = 0; json->status == DF_OK && i < n; i++)
    {
      const char *name = yyjson_get_str (yyjson_arr_get (list, i));
      char       *copy = name != NULL ? df_strdup (name) : NULL;

      if (name == NULL)
        df_json_refuse (json, DF_ERROR_FORMAT, "\"class_names\" must be a list of strings.");
      else if (copy == NULL)
        df_json_refuse (json, DF_ERROR_MEMORY, "out of memory.");
      else
        out->class_names[out->num_class_names++] = copy;
    }
}

/* A number of that range, -1 when absent. */
static double
read_share (df_json *json, const char *key, double high)
{
  double value = df_json_number (json, key, -1);

  if (value != -1 && !(value >= 0 && value <= high))
    df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"%s\" must be from 0 to %g.", key, high);
  return value;
}

df_status
df_card_parse (df_card *out, const char *text, size_t size, const char *where, df_error *err)
{
  df_json   json;
  df_status status = df_json_open (&json, text, size, where, err);
  card_text texts[TEXTS];

  df_card_empty (out);
  texts_of (out, texts);
  if (status == DF_OK)
    {
      for (int i = 0; i < TEXTS; i++)
        *texts[i].text = copy_string (&json, texts[i].key);
      out->null_class    = df_json_int (&json, "null_class", -1, 0, 1 << 20);
      out->any_size      = df_json_word (&json, "size", sizes, 0) == 1;
      out->tileable      = df_json_bool (&json, "tileable", false);
      out->steps         = df_json_int (&json, "steps", -1, 1, 100000);
      out->denoise_steps = df_json_int (&json, "denoise_steps", -1, 1, 100000);
      out->start_t       = df_json_int (&json, "start_t", -1, 0, 100000);
      out->eta           = read_share (&json, "eta", 1);
      out->guidance      = read_share (&json, "guidance", 100);
      out->sampler       = df_json_word (&json, "sampler", samplers, -1);
      out->spacing       = df_json_word (&json, "spacing", spacings, -1);
      out->clip          = df_json_word (&json, "clip", clips, -1);
      if (out->spacing >= 0 && out->spacing != DF_SPACING_LINEAR && out->spacing != DF_SPACING_QUAD)
        df_json_refuse (&json, DF_ERROR_UNSUPPORTED, "\"spacing\" is that of partial denoising: linear or quad.");
      read_class_names (&json, out);
      status = json.status;
    }
  df_json_close (&json);
  if (status != DF_OK)
    df_card_clear (out);
  return status;
}

/* ------------------------------------------------------------------ writing */

static void
add_string (yyjson_mut_doc *doc, yyjson_mut_val *root, const char *key, const char *text)
{
  if (text != NULL)
    yyjson_mut_obj_add_str (doc, root, key, text);
}

static void
add_number (yyjson_mut_doc *doc, yyjson_mut_val *root, const char *key, double number)
{
  if (number >= 0 && number == (double) (long) number)
    yyjson_mut_obj_add_int (doc, root, key, (int64_t) number);
  else if (number >= 0)
    yyjson_mut_obj_add_real (doc, root, key, number);
}

char *
df_card_text (const df_card *card)
{
  df_card         copy = *card;
  card_text       texts[TEXTS];
  yyjson_mut_doc *doc  = yyjson_mut_doc_new (NULL);
  yyjson_mut_val *root = yyjson_mut_obj (doc), *list;
  char           *text;

  yyjson_mut_doc_set_root (doc, root);
  texts_of (&copy, texts);
  for (int i = 0; i < TEXTS; i++)
    add_string (doc, root, texts[i].key, *texts[i].text);
  if (card->class_names != NULL)
    {
      list = yyjson_mut_obj_add_arr (doc, root, "class_names");
      for (int i = 0; i < card->num_class_names; i++)
        yyjson_mut_arr_add_str (doc, list, card->class_names[i]);
    }
  add_number (doc, root, "null_class", card->null_class);
  yyjson_mut_obj_add_str (doc, root, "size", sizes[card->any_size ? 1 : 0]);
  yyjson_mut_obj_add_bool (doc, root, "tileable", card->tileable);
  add_string (doc, root, "sampler", card->sampler >= 0 ? samplers[card->sampler] : NULL);
  add_number (doc, root, "steps", card->steps);
  add_number (doc, root, "denoise_steps", card->denoise_steps);
  add_number (doc, root, "start_t", card->start_t);
  add_string (doc, root, "spacing", card->spacing >= 0 ? spacings[card->spacing] : NULL);
  add_number (doc, root, "eta", card->eta);
  add_number (doc, root, "guidance", card->guidance);
  add_string (doc, root, "clip", card->clip >= 0 ? clips[card->clip] : NULL);
  text = yyjson_mut_write (doc, YYJSON_WRITE_PRETTY, NULL);
  yyjson_mut_doc_free (doc);
  return text;
}
