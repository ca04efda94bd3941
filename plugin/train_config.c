/* SPDX-License-Identifier: GPL-3.0-or-later */
/* train_config: see train_config.h. From nothing: a small network whose receptive field is limited by three levels, so
 * that it learns a texture and not the one picture (Kulikov et al. 2023, SinDDM); v prediction with the cosine
 * schedule, which keeps colours in minutes where ε does not. From a base: patches larger than its own, which show more
 * than one stone or mesh, and a rate at which it leaves its materials behind (measured: models/README.md). Padding is
 * circular: the network knows no border. Since patches are not seamless, the loss leaves out a margin in which they
 * would teach their seams. */
#include "train_config.h"

#include <glib/gi18n-lib.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "check.h"

#define LEVELS       3        /* of the small network      */
#define OWN_PATCH    64
#define OWN_BATCH    2
#define MARGIN       4
#define BASE_PATCHES 2        /* times the base's own side */

static int
multiple_of (const df_model_info *base)
{
  return base != NULL ? base->size_multiple : 1 << (LEVELS - 1);
}

int
train_patch_size (const settings *s, const df_model_info *base, const sources *data, GError **error)
{
  int multiple = multiple_of (base), size = s->patch_size, patch = OWN_PATCH;

  if (base != NULL)
    patch = base->any_size ? BASE_PATCHES * base->native_width : base->native_width;
  if (size == 0)
    return MAX (MIN (patch, data->largest) / multiple, 1) * multiple;
  if (size % multiple == 0)
    return size;
  refuse (error, _("patch-size must be a multiple of %d for this network; it is %d."), multiple, size);
  return 0;
}

static void
add_unet (yyjson_mut_doc *doc, yyjson_mut_val *root, int patch)
{
  static const int channels[LEVELS] = { 32, 64, 96 };
  yyjson_mut_val  *unet = yyjson_mut_obj_add_obj (doc, root, "unet");
  yyjson_mut_val  *list = yyjson_mut_obj_add_arr (doc, unet, "block_out_channels");
  yyjson_mut_val  *down = yyjson_mut_obj_add_arr (doc, unet, "down_block_types");
  yyjson_mut_val  *up   = yyjson_mut_obj_add_arr (doc, unet, "up_block_types");

  for (int i = 0; i < LEVELS; i++)
    {
      yyjson_mut_arr_add_int (doc, list, channels[i]);
      yyjson_mut_arr_add_str (doc, down, "DownBlock2D");
      yyjson_mut_arr_add_str (doc, up, "UpBlock2D");
    }
  yyjson_mut_obj_add_int (doc, unet, "sample_size", patch);
  yyjson_mut_obj_add_int (doc, unet, "layers_per_block", 1);
  yyjson_mut_obj_add_int (doc, unet, "norm_num_groups", 8);
  yyjson_mut_obj_add_bool (doc, unet, "add_attention", false);
}

static void
add_card (yyjson_mut_doc *doc, yyjson_mut_val *root, gboolean own, const char *title, const char *description)
{
  yyjson_mut_val *card = yyjson_mut_obj_add_obj (doc, root, "card");

  yyjson_mut_obj_add_str (doc, card, "title", title);
  yyjson_mut_obj_add_str (doc, card, "description", description);
  if (!own)
    return;
  yyjson_mut_obj_add_str (doc, card, "size", "any");
  yyjson_mut_obj_add_int (doc, card, "steps", 25);
  yyjson_mut_obj_add_int (doc, card, "denoise_steps", 20);
}

/* The document as text, g_free; it is freed. */
static char *
written (yyjson_mut_doc *doc)
{
  char *text = yyjson_mut_write (doc, 0, NULL), *copy = g_strdup (text);

  free (text);
  yyjson_mut_doc_free (doc);
  return copy;
}

char *
train_config (const settings *s, const df_model_info *base, int patch, int channels, const char *title,
              const char *description)
{
  yyjson_mut_doc *doc      = yyjson_mut_doc_new (NULL);
  yyjson_mut_val *root     = yyjson_mut_obj (doc), *phase;
  gboolean        circular = base == NULL || base->tileable;

  yyjson_mut_doc_set_root (doc, root);
  if (base == NULL)
    add_unet (doc, root, patch);
  else
    yyjson_mut_obj_add_str (doc, root, "base", base->path);
  add_card (doc, root, base == NULL, title, description);
  phase = yyjson_mut_arr_add_obj (doc, yyjson_mut_obj_add_arr (doc, root, "phases"));
  yyjson_mut_obj_add_int (doc, phase, "size", patch);
  yyjson_mut_obj_add_int (doc, phase, "batch", MAX (OWN_BATCH * OWN_PATCH * OWN_PATCH / (patch * patch), 1));
  yyjson_mut_obj_add_int (doc, phase, "share", 1);
  yyjson_mut_obj_add_int (doc, phase, "margin", circular ? MARGIN : 0);
  yyjson_mut_obj_add_real (doc, root, "minutes", s->minutes);
  yyjson_mut_obj_add_real (doc, root, "learning_rate", base == NULL ? 2e-3 : 1e-3);
  yyjson_mut_obj_add_int (doc, root, "warmup_steps", 50);
  yyjson_mut_obj_add_real (doc, root, "ema_decay", 0.997);
  yyjson_mut_obj_add_int (doc, root, "flip_x", 0);
  yyjson_mut_obj_add_int (doc, root, "wrap", 0);
  yyjson_mut_obj_add_int (doc, root, "circular", circular);
  yyjson_mut_obj_add_int (doc, root, "texton", 1);
  yyjson_mut_obj_add_int (doc, root, "threads", gimp_get_num_processors ());
  yyjson_mut_obj_add_int (doc, root, "memory_mb", s->memory_mb);
  return written (doc);
}

char *
train_config_cap (const char *text, int memory_mb)
{
  yyjson_doc     *given = yyjson_read (text, strlen (text), 0);
  yyjson_mut_doc *doc   = yyjson_doc_mut_copy (given, NULL);

  yyjson_mut_obj_put (yyjson_mut_doc_get_root (doc), yyjson_mut_str (doc, "memory_mb"), yyjson_mut_int (doc, memory_mb));
  yyjson_doc_free (given);
  return written (doc);
}
