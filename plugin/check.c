/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check: see check.h. */
#include "check.h"

#include <glib/gi18n-lib.h>
#include <string.h>

G_DEFINE_QUARK (gimp-diffusion-error, check_error)

gboolean
refuse (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (error != NULL)
    *error = g_error_new_valist (CHECK_ERROR, 0, format, args);
  va_end (args);
  return FALSE;
}

gboolean
check_image (GimpImage *image, GError **error)
{
  if (image == NULL || !gimp_image_is_valid (image))
    return refuse (error, _("Open or create an image first."));
  if (gimp_image_get_base_type (image) == GIMP_INDEXED)
    return refuse (error, _("The image is indexed: convert it to RGB first (Image ▸ Mode ▸ RGB)."));
  return TRUE;
}

/* ------------------------------------------------------------------ the layer */

/* GIMP reports only an item's own lock; a write to a child of a locked group kills the plug-in all the same. */
static gboolean
is_locked (GimpItem *item)
{
  for (; item != NULL; item = gimp_item_get_parent (item))
    if (gimp_item_get_lock_content (item))
      return TRUE;
  return FALSE;
}

static gboolean
check_kind (GimpItem *item, gboolean replace, GError **error)
{
  if (gimp_item_is_layer_mask (item))
    return refuse (error, _("A layer mask is selected: click the layer itself first."));
  if (!gimp_item_is_layer (item))
    return refuse (error, _("A channel is selected: select a layer first."));
  if (gimp_item_is_group (item))
    return refuse (error, _("A layer group is selected: select one layer in it, or merge the group first."));
  if (replace && gimp_item_is_text_layer (item))
    return refuse (error, _("A text layer would lose its text: choose the output new-layer, or rasterize it first."));
  if (replace && is_locked (item))
    return refuse (error, _("The pixels of the layer, or of a group around it, are locked: unlock them, or choose the "
                          "output new-layer."));
  return TRUE;
}

/* Link and vector layers (GIMP 3.2) lose their source when written; they are known by name, to build with 3.0 too. */
static gboolean
is_generated (GimpItem *item)
{
  const char *type = G_OBJECT_TYPE_NAME (item);

  return strcmp (type, "GimpLinkLayer") == 0 || strcmp (type, "GimpVectorLayer") == 0;
}

gboolean
check_drawable (GimpDrawable **drawables, gboolean replace, GError **error)
{
  int n = gimp_core_object_array_get_length ((GObject **) drawables);

  if (n == 0)
    return refuse (error, _("Select a layer first."));
  if (n > 1)
    return refuse (error, _("Select one layer; %d are selected."), n);
  if (!gimp_item_is_valid (GIMP_ITEM (drawables[0])))
    return refuse (error, _("The layer is gone: select another."));
  if (!check_kind (GIMP_ITEM (drawables[0]), replace, error))
    return FALSE;
  if (replace && is_generated (GIMP_ITEM (drawables[0])))
    return refuse (error, _("A link or vector layer would lose its source: choose the output new-layer, or rasterize it "
                          "first."));
  return TRUE;
}

gboolean
check_sources (GimpDrawable **drawables, GError **error)
{
  int n = gimp_core_object_array_get_length ((GObject **) drawables);

  if (n == 0)
    return refuse (error, _("Select the layers to learn from first."));
  for (int i = 0; i < n; i++)
    if (!check_kind (GIMP_ITEM (drawables[i]), FALSE, error))
      return FALSE;
  return TRUE;
}

gboolean
check_large_enough (GimpDrawable **drawables, GError **error)
{
  for (int i = 0; drawables[i] != NULL; i++)
    if (MIN (gimp_drawable_get_width (drawables[i]), gimp_drawable_get_height (drawables[i])) < PATCH_MIN)
      return refuse (error, _("The layer is too small to learn from: %d × %d pixels at least."), PATCH_MIN, PATCH_MIN);
  return TRUE;
}

/* Half of what the system says is available; kept in the recipe, so that a rerun decides alike. */
static int
half_of_free_memory (void)
{
  char  *text = NULL;
  gint64 free_kb = 0;

  if (g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    {
      const char *at = strstr (text, "MemAvailable:");

      free_kb = at != NULL ? g_ascii_strtoll (at + strlen ("MemAvailable:"), NULL, 10) : 0;
      g_free (text);
    }
  return free_kb > 0 ? (int) MIN (free_kb / 2000, G_MAXINT) : 2000;
}

/* memory-mb as it will be used. */
static gboolean
settle_memory (settings *s, GError **error)
{
  if (s->memory_mb < 0)
    return refuse (error, _("memory-mb must be 0 (half of the free memory) or more; it is %d."), s->memory_mb);
  if (s->memory_mb == 0)
    s->memory_mb = half_of_free_memory ();
  return TRUE;
}

gboolean
check_training (settings *s, GError **error)
{
  if (!(s->minutes > 0.0 && s->minutes <= MINUTES_MAX))
    return refuse (error, _("minutes must be above 0 and at most %d; it is %g."), MINUTES_MAX, s->minutes);
  if (s->patch_size != 0 && (s->patch_size < PATCH_MIN || s->patch_size > PATCH_MAX))
    return refuse (error, _("patch-size must be from %d to %d pixels, or 0 for automatic; it is %d."), PATCH_MIN, PATCH_MAX,
                   s->patch_size);
  return settle_memory (s, error);
}

/* ------------------------------------------------------------------ settings */

static gboolean
check_word (const char *argument, const char *word, const char *const *allowed, GError **error)
{
  GString *list = g_string_new (NULL);

  for (int i = 0; allowed[i] != NULL; i++)
    {
      if (strcmp (word, allowed[i]) == 0)
        {
          g_string_free (list, TRUE);
          return TRUE;
        }
      g_string_append_printf (list, "%s%s", i > 0 ? ", " : "", allowed[i]);
    }
  refuse (error, _("%s must be one of %s; it is \"%s\"."), argument, list->str, word);
  g_string_free (list, TRUE);
  return FALSE;
}

static void
set_word (char **field, const char *word)
{
  g_free (*field);
  *field = g_strdup (word);
}

static gboolean
check_words (settings *s, const df_model_info *info, df_request *r, GError **error)
{
  static const char *const samplers[] = { "auto", "ddim", "ddpm", NULL }, *const layers[] = { "layer", "pattern", NULL };
  static const char *const outputs[] = { "replace", "new-layer", NULL }, *const edges[] = { "noise-level", "blend", NULL };
  static const char *const spacings[] = { "linear", "quad", NULL };

  if (s->sampler[0] == '\0')
    set_word (&s->sampler, "auto");
  if (!check_word ("sampler", s->sampler, samplers, error) || !df_sampler_parse (
        strcmp (s->sampler, "auto") == 0 ? df_sampler_word (info->sampler) : s->sampler, &r->sampler))
    return FALSE;
  if (s->output[0] == '\0')
    set_word (&s->output, s->kind == PROCEDURE_GENERATE ? "layer" : "replace");
  if (s->kind == PROCEDURE_GENERATE && strcmp (s->output, "pattern") == 0 && !(s->tile_horizontal && s->tile_vertical))
    return refuse (error, _("A pattern must be seamless both ways: switch on tile-horizontal and tile-vertical."));
  if (s->kind == PROCEDURE_GENERATE)
    return check_word ("output", s->output, layers, error);
  if (s->edge[0] == '\0')
    set_word (&s->edge, "noise-level");
  if (s->spacing[0] == '\0')
    set_word (&s->spacing, info->spacing == DF_SPACING_QUAD ? "quad" : "linear");
  r->hard_edge_blend = strcmp (s->edge, "blend") == 0;
  return check_word ("output", s->output, outputs, error) && check_word ("edge", s->edge, edges, error) &&
         check_word ("spacing", s->spacing, spacings, error) && df_spacing_parse (s->spacing, &r->spacing);
}

static gboolean
check_numbers (settings *s, const df_model_info *info, df_request *r, GError **error)
{
  int T = info->num_train_timesteps;

  if (s->kind == PROCEDURE_DENOISE)
    {
      if (s->start_t == 0)
        s->start_t = info->start_t;
      if (s->start_t < 1 || s->start_t >= T)
        return refuse (error, _("A noise level (start-t, levels) is a timestep from 1 to %d, or 0 for the model's own; it is %d."), T - 1, s->start_t);
      r->start_t = s->start_t;
    }
  if (s->steps == 0)
    s->steps = s->kind == PROCEDURE_GENERATE ? MIN (info->steps, T) : MIN (info->denoise_steps, s->start_t + 1);
  if (s->steps < 1)
    return refuse (error, _("steps must be 1 or more, or 0 for the model's own; it is %d."), s->steps);
  if (s->seed < 0)
    return refuse (error, _("seed must be from 0 to 2147483647; it is %d."), s->seed);
  if (s->kind == PROCEDURE_GENERATE && (s->count < 1 || s->count > COUNT_MAX))
    return refuse (error, _("count must be from 1 to %d; it is %d."), COUNT_MAX, s->count);
  if (s->kind == PROCEDURE_GENERATE && s->seed > G_MAXINT32 - (s->count - 1))
    return refuse (error, _("The last of %d seeds must be at most 2147483647; start from a smaller seed than %d."), s->count,
                   s->seed);
  if (s->kind == PROCEDURE_DENOISE && !(s->feather >= -1.0 && s->feather <= 1000.0))
    return refuse (error, _("feather must be from 0 to 1000 pixels, or -1 for automatic; it is %g."), s->feather);
  r->steps    = s->steps;
  r->eta      = s->eta;
  r->guidance = s->guidance;
  return TRUE;
}

gboolean
check_settings (settings *s, const df_model *model, df_request *r, GError **error)
{
  const df_model_info *info = df_model_describe (model);
  df_error             err;

  df_request_default (model, r);
  if (!check_words (s, info, r, error) || !check_numbers (s, info, r, error))
    return FALSE;
  if (df_model_class (model, s->class_name, &r->label, &err) != DF_OK)
    return refuse (error, "%s", err.text);
  if (!settle_memory (s, error))
    return FALSE;
  r->tile_x     = s->tile_horizontal;
  r->tile_y     = s->tile_vertical;
  r->memory_cap = (size_t) s->memory_mb * 1000000;
  r->threads    = gimp_get_num_processors ();
  return TRUE;
}
