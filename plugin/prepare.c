/* SPDX-License-Identifier: GPL-3.0-or-later */
/* prepare: see prepare.h. */
#include "prepare.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "check.h"
#include "find_model.h"
#include "selection.h"

#define MODEL_SIDE 512   /* a model of any size makes at most this without being asked for more */

df_model *
prepare_model (settings *s, GError **error)
{
  char     *path  = find_model_path (s->model, error);
  df_model *model = NULL;
  df_error  err;

  if (path == NULL)
    return NULL;
  if (df_model_open (&model, path, &err) != DF_OK)
    refuse (error, "%s", err.text);
  else if (s->model[0] == '\0')
    {
      g_free (s->model);
      s->model = g_path_get_basename (path);
    }
  g_free (path);
  return model;
}

/* A side that nobody asked for gives way to what a seamless picture needs. */
static int
fit_down (int side, int multiple)
{
  return MAX (side - side % multiple, multiple);
}

/* Where the new layers go, which is the middle where nothing is selected, and how large they are. */
static gboolean
place_layers (GimpImage *image, const settings *s, const df_model_info *info, df_rect *place, GError **error)
{
  int      image_width = gimp_image_get_width (image), image_height = gimp_image_get_height (image);
  int      x2, y2;
  gboolean selected;

  if (s->width < 0 || s->height < 0 || s->width > 65536 || s->height > 65536)
    return refuse (error, _("width and height must be from 1 to 65536, or 0; they are %d and %d."), s->width, s->height);
  gimp_selection_bounds (image, &selected, &place->x, &place->y, &x2, &y2);
  place->width  = x2 - place->x;
  place->height = y2 - place->y;
  if (!selected)
    *place = (df_rect) { 0, 0, info->any_size ? MIN (MODEL_SIDE, image_width) : info->native_width,
                         info->any_size ? MIN (MODEL_SIDE, image_height) : info->native_height };
  if (s->within.width > 0)
    *place = s->within;
  if (info->any_size && s->tile_horizontal)
    place->width = fit_down (place->width, info->size_multiple);
  if (info->any_size && s->tile_vertical)
    place->height = fit_down (place->height, info->size_multiple);
  if (s->width > 0)
    place->width = s->width;
  if (s->height > 0)
    place->height = s->height;
  if (!selected && s->within.width == 0)
    {
      place->x = (image_width - place->width) / 2;
      place->y = (image_height - place->height) / 2;
    }
  if (!info->any_size && (place->width != info->native_width || place->height != info->native_height))
    return refuse (error, _("%s makes pictures of %d × %d only: set width and height to that, or to 0 without a selection."),
                   info->title, info->native_width, info->native_height);
  return TRUE;
}

static gboolean
fit_canvas (int *side, int multiple, gboolean tile, const char *what, GError **error)
{
  int up = (*side + multiple - 1) / multiple * multiple;

  if (tile && up != *side)
    return refuse (error, _("A seamless %s must be a multiple of %d for this model: take %d or %d, not %d."), what, multiple,
                   MAX (up - multiple, multiple), up, *side);
  *side = up;
  return TRUE;
}

/* Of several pictures that wait for the last of them. */
static gsize
bytes_of (const df_request *r, const df_model_info *info, int pictures)
{
  return pictures > 1 ? (gsize) pictures * r->width * r->height * info->channels * sizeof (float) : 0;
}

gboolean
prepare_generate (GimpImage *image, settings *s, const df_model *model, prepared *out, GError **error)
{
  const df_model_info *info = df_model_describe (model);
  df_request          *r    = &out->request;

  if (!check_image (image, error) || !check_settings (s, model, r, error) ||
      !place_layers (image, s, info, &out->place, error))
    return FALSE;
  r->width     = out->place.width;
  r->height    = out->place.height;
  out->results = bytes_of (r, info, s->count);
  return fit_canvas (&r->width, info->size_multiple, r->tile_x, _("width"), error) &&
         fit_canvas (&r->height, info->size_multiple, r->tile_y, _("height"), error);
}

gboolean
prepare_denoise (GimpImage *image, GimpDrawable **drawables, settings *s, const df_model *model, prepared *out,
                 GError **error)
{
  df_request *r = &out->request;
  int         width, height, offset_x, offset_y;
  df_error    err;

  if (!check_image (image, error) || !check_drawable (drawables, strcmp (s->output, "new-layer") != 0, error))
    return FALSE;
  if (!selection_bounds (drawables[0], &s->within, &out->place))
    return refuse (error, _("The selection does not touch the layer: select a part of it, or nothing at all."));
  width  = gimp_drawable_get_width (drawables[0]);
  height = gimp_drawable_get_height (drawables[0]);
  if (!check_settings (s, model, r, error))
    return FALSE;
  if (df_canvas_around (model, out->place, width, height, r->tile_x, r->tile_y, &out->canvas, &err) != DF_OK)
    return refuse (error, "%s", err.text);
  gimp_drawable_get_offsets (drawables[0], &offset_x, &offset_y);
  r->width    = out->canvas.width;
  r->height   = out->canvas.height;
  r->origin_x = out->canvas.x + offset_x;
  r->origin_y = out->canvas.y + offset_y;
  r->period_x = width;
  r->period_y = height;
  return TRUE;
}

#define BETWEEN ", ;"

int
prepare_first_level (const char *levels)
{
  return (int) g_ascii_strtoll (levels + strspn (levels, BETWEEN), NULL, 10);
}

/* Numbers of a list; 0 stands for the model's own. NULL with an error. */
static GArray *
parse_levels (const settings *s, GError **error)
{
  GArray *levels = g_array_new (FALSE, FALSE, sizeof (int));
  char  **words  = g_strsplit_set (s->levels, BETWEEN, -1);

  for (int i = 0; words[i] != NULL; i++)
    {
      gint64 t;
      int    level;

      if (words[i][0] == '\0')
        continue;
      if (!g_ascii_string_to_signed (words[i], 10, 1, G_MAXINT, &t, NULL))
        {
          refuse (error, _("levels must be a list of timesteps, such as 300, 500, 700; it is \"%s\"."), s->levels);
          g_strfreev (words);
          g_array_unref (levels);
          return NULL;
        }
      level = (int) t;
      g_array_append_val (levels, level);
    }
  if (levels->len == 0)
    g_array_append_val (levels, s->start_t);
  g_strfreev (words);
  return levels;
}

int
prepare_variations (GimpImage *image, GimpDrawable **drawables, const settings *s, const df_model *model, settings **each,
                    prepared **out, GError **error)
{
  GArray *levels = parse_levels (s, error);
  int     n      = levels != NULL ? (int) levels->len : 0, done = 0;

  *each = g_new0 (settings, MAX (n, 1));
  *out  = g_new0 (prepared, MAX (n, 1));
  if (n > 0 && (s->count < 1 || s->count > COUNT_MAX / n))
    refuse (error, _("count must be from 1 to %d with %d noise levels; it is %d."), COUNT_MAX / n, n, s->count);
  else if (n > 0 && s->seed > G_MAXINT32 - (s->count - 1))
    refuse (error, _("The last of %d seeds must be at most 2147483647; start from a smaller seed than %d."), s->count, s->seed);
  else
    for (gboolean fine = TRUE; fine && done < n; done += fine)
      {
        settings *one = &(*each)[done];

        *one         = settings_copy (s);
        one->kind    = PROCEDURE_DENOISE;
        one->start_t = g_array_index (levels, int, done);
        g_free (one->output);
        one->output = g_strdup ("new-layer");
        fine        = prepare_denoise (image, drawables, one, model, &(*out)[done], error);
      }
  if (levels != NULL)
    g_array_unref (levels);
  if (done == n && n > 0)
    {
      (*out)[0].results = bytes_of (&(*out)[0].request, df_model_describe (model), n * s->count);
      return n;
    }
  prepare_forget (*each, *out, n);
  *each = NULL;
  *out  = NULL;
  return 0;
}

void
prepare_forget (settings *each, prepared *p, int n)
{
  for (int i = 0; i < n; i++)
    settings_clear (&each[i]);
  g_free (each);
  g_free (p);
}

char *
prepare_name (const df_model_info *info, const df_request *request, gint64 seed)
{
  gboolean classed = request->label >= 0 && request->label < info->num_classes && request->label != info->null_class;

  return g_strdup_printf ("%s %" G_GINT64_FORMAT, classed ? info->class_names[request->label] : info->title, seed);
}
