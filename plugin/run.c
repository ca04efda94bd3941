/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run: read, check, compute off the image, publish as the last act. */
#include "run.h"

#include <string.h>

#include "check.h"
#include "find_model.h"
#include "job.h"
#include "layer_out.h"
#include "recipe.h"
#include "region_in.h"
#include "selection.h"

#define MODEL_SIDE 512   /* a model of any size makes at most this without being asked for more */

static df_model *
open_model (const char *name, GError **error)
{
  char     *path = find_model_path (name, error);
  df_model *model = NULL;
  df_error  err;

  if (path == NULL)
    return NULL;
  if (df_model_open (&model, path, &err) != DF_OK)
    refuse (error, "%s", err.text);
  g_free (path);
  return model;
}

/* Several runs of one progress bar. */
typedef struct share { int index, count; } share;

static gboolean
tick (void *user, double fraction)
{
  const share *s = user;

  gimp_progress_update ((s->index + fraction) / s->count);
  return TRUE;
}

static df_session *
new_session (const df_model *model, const df_request *r, GimpPDBStatusType *status, GError **error)
{
  df_session *session = NULL;
  df_error    err;
  df_status   result = df_session_new (&session, model, r, &err);

  if (result == DF_OK)
    return session;
  *status = result == DF_ERROR_ARGUMENT ? GIMP_PDB_CALLING_ERROR : GIMP_PDB_EXECUTION_ERROR;
  if (result == DF_ERROR_CAP)
    refuse (error, "%s (memory-mb is %.0f.)", err.text, (double) r->memory_cap / 1e6);
  else
    refuse (error, "%s", err.text);
  return NULL;
}

/* ------------------------------------------------------------------ generate */

/* Where the new layer goes and how large it is, in image coordinates. */
static gboolean
place_layer (GimpImage *image, const settings *s, const df_model_info *info, df_rect *place, GError **error)
{
  int      image_width = gimp_image_get_width (image), image_height = gimp_image_get_height (image), x2, y2;
  gboolean selected;

  if (s->width < 0 || s->height < 0 || s->width > 65536 || s->height > 65536)
    return refuse (error, "width and height must be from 1 to 65536, or 0; they are %d and %d.", s->width, s->height);
  gimp_selection_bounds (image, &selected, &place->x, &place->y, &x2, &y2);
  place->width  = x2 - place->x;
  place->height = y2 - place->y;
  if (!selected)
    *place = (df_rect) { 0, 0, info->any_size ? MIN (MODEL_SIDE, image_width) : info->native_width,
                         info->any_size ? MIN (MODEL_SIDE, image_height) : info->native_height };
  if (s->width > 0)
    place->width = s->width;
  if (s->height > 0)
    place->height = s->height;
  if (!info->any_size && (place->width != info->native_width || place->height != info->native_height))
    return refuse (error, "%s makes pictures of %d × %d only: set width and height to that, or to 0 without a selection.",
                   info->title, info->native_width, info->native_height);
  return TRUE;
}

static gboolean
fit_canvas (int *side, int multiple, gboolean tile, const char *what, GError **error)
{
  int up = (*side + multiple - 1) / multiple * multiple;

  if (tile && up != *side)
    return refuse (error, "A seamless %s must be a multiple of %d for this model: take %d or %d, not %d.", what, multiple,
                   MAX (up - multiple, multiple), up, *side);
  *side = up;
  return TRUE;
}

/* The top left of the canvas as R'G'B'A; g_free. */
static float *
crop_rgba (const float *canvas, const df_request *r, const df_rect *place, int channels)
{
  float *out = g_new (float, 4 * (gsize) place->width * place->height);

  for (int y = 0; y < place->height; y++)
    region_to_rgba (canvas + (gsize) y * r->width * channels, place->width, channels, out + 4 * (gsize) y * place->width);
  return out;
}

/* count pictures, computed; each [place] R'G'B'A. NULL with an error. */
static GPtrArray *
compute_pictures (df_session *session, const settings *s, const df_request *r, const df_rect *place, int channels,
                  GError **error)
{
  GPtrArray *pictures = g_ptr_array_new_with_free_func (g_free);
  float     *canvas   = g_new (float, (gsize) r->width * r->height * channels);
  df_error   err;

  for (int i = 0; i < s->count && pictures != NULL; i++)
    {
      df_input input = { .seed = (guint64) s->seed + (guint64) i };
      share    part  = { i, s->count };

      if (job_run (session, &input, tick, &part, canvas, &err) == DF_OK)
        g_ptr_array_add (pictures, crop_rgba (canvas, r, place, channels));
      else
        {
          refuse (error, "%s", err.text);
          g_clear_pointer (&pictures, g_ptr_array_unref);
        }
    }
  g_free (canvas);
  return pictures;
}

/* Each layer's recipe is that of a call that makes it alone. */
static char *
recipe_of (const settings *s, int index, const df_model_info *info, const df_rect *place)
{
  settings one = *s;

  one.seed        = (int) ((gint64) s->seed + index);
  one.random_seed = FALSE;
  one.count       = 1;
  one.width       = place->width;
  one.height      = place->height;
  return recipe_text ("plug-in-diffusion-generate", &one, info, place, 0, 0);
}

static GimpLayer **
publish_pictures (GimpImage *image, const settings *s, const df_model_info *info, const df_rect *place,
                  GPtrArray *pictures, GError **error)
{
  GimpLayer **layers = g_new0 (GimpLayer *, pictures->len + 1);
  gboolean    fine   = TRUE;

  for (guint i = 0; i < pictures->len && fine; i++)
    {
      char *name = g_strdup_printf ("%s %" G_GINT64_FORMAT, info->title, (gint64) s->seed + i);

      layers[i] = layer_from_rgba (image, name, place, pictures->pdata[i], error);
      fine      = layers[i] != NULL;
      g_free (name);
    }
  if (!fine)
    {
      g_free (layers);
      return NULL;
    }
  gimp_image_undo_group_start (image);
  for (guint i = 0; i < pictures->len; i++)
    {
      char *recipe = recipe_of (s, (int) i, info, place);

      gimp_image_insert_layer (image, layers[i], NULL, -1);
      recipe_attach (GIMP_ITEM (layers[i]), recipe);
      g_free (recipe);
    }
  gimp_image_undo_group_end (image);
  gimp_displays_flush ();
  return layers;
}

static GimpLayer **
generate_with (const df_model *model, GimpImage *image, settings *s, GimpPDBStatusType *status, GError **error)
{
  const df_model_info *info   = df_model_describe (model);
  GimpLayer          **layers = NULL;
  GPtrArray           *pictures;
  df_session          *session;
  df_request           r;
  df_rect              place;

  if (!check_settings (s, model, &r, error) || !place_layer (image, s, info, &place, error))
    return NULL;
  r.width  = place.width;
  r.height = place.height;
  if (!fit_canvas (&r.width, info->size_multiple, r.tile_x, "width", error) ||
      !fit_canvas (&r.height, info->size_multiple, r.tile_y, "height", error))
    return NULL;
  session = new_session (model, &r, status, error);
  if (session == NULL)
    return NULL;
  *status  = GIMP_PDB_EXECUTION_ERROR;
  gimp_progress_init_printf ("%s", info->title);
  pictures = compute_pictures (session, s, &r, &place, info->channels, error);
  df_session_free (session);
  if (pictures != NULL && !gimp_image_is_valid (image))
    refuse (error, "The image was closed during the run.");
  else if (pictures != NULL)
    layers = publish_pictures (image, s, info, &place, pictures, error);
  g_clear_pointer (&pictures, g_ptr_array_unref);
  gimp_progress_end ();
  return layers;
}

GimpLayer **
run_generate (GimpImage *image, settings *s, GimpPDBStatusType *status, GError **error)
{
  GimpLayer **layers = NULL;
  df_model   *model;

  *status = GIMP_PDB_CALLING_ERROR;
  if (!check_image (image, error))
    return NULL;
  model = open_model (s->model, error);
  if (model != NULL)
    layers = generate_with (model, image, s, status, error);
  df_model_close (model);
  return layers;
}

/* ------------------------------------------------------------------ denoise */

typedef struct denoise
{
  GimpImage    *image;
  GimpDrawable *drawable;
  settings     *s;
  df_model     *model;
  df_request    request;
  df_rect       bounds;
  layer_state   state;
  region        in;
  float        *selected;      /* [bounds]: the selection as it is, for writing     */
  float        *mask;          /* [canvas]: feathered, for the sampler, or NULL: all */
} denoise;

static gboolean
read_picture (denoise *d, GError **error)
{
  const df_model_info *info  = df_model_describe (d->model);
  int                  width = gimp_drawable_get_width (d->drawable), height = gimp_drawable_get_height (d->drawable);
  df_rect              canvas;
  df_error             err;
  float               *window;
  df_status            status;

  if (df_canvas_around (d->model, d->bounds, width, height, d->request.tile_x, d->request.tile_y, &canvas, &err) != DF_OK)
    return refuse (error, "%s", err.text);
  d->state           = layer_remember (d->drawable, &d->bounds);
  d->in              = region_read (d->drawable, &canvas, info->channels);
  d->selected        = selection_read (d->drawable, &d->bounds);
  d->request.width    = canvas.width;
  d->request.height   = canvas.height;
  d->request.origin_x = canvas.x + d->state.offset_x;
  d->request.origin_y = canvas.y + d->state.offset_y;
  d->request.period_x = width;
  d->request.period_y = height;
  window  = selection_read (d->drawable, &d->in.window);
  d->mask = g_new (float, (gsize) canvas.width * canvas.height);
  status  = df_canvas_mask (window, d->in.window.width, d->in.window.height,
                            d->request.hard_edge_blend ? 0.0 : d->s->feather, canvas.width, canvas.height, d->mask, &err);
  g_free (window);
  return status == DF_OK || refuse (error, "%s", err.text);
}

static GimpLayer *
publish (denoise *d, const float *canvas, GError **error)
{
  const df_model_info *info   = df_model_describe (d->model);
  gboolean             blend  = d->request.hard_edge_blend, beside = strcmp (d->s->output, "new-layer") == 0;
  float               *result = region_result (&d->in, canvas);
  char                *recipe = recipe_text ("plug-in-diffusion-denoise", d->s, info, &d->bounds, d->request.origin_x,
                                             d->request.origin_y);
  char                *name   = g_strdup_printf ("%s %d", info->title, d->s->seed);
  GimpLayer           *layer  = NULL;

  if (!gimp_image_is_valid (d->image) || !gimp_item_is_valid (GIMP_ITEM (d->drawable)))
    refuse (error, "The image or the layer was closed or deleted during the run.");
  else if (!beside && layer_unchanged (&d->state))
    {
      layer_replace (&d->state, &d->in, result, d->selected, blend, recipe);
      layer = GIMP_LAYER (d->drawable);
    }
  else
    {
      if (!beside)
        gimp_message ("The layer or the selection changed during the run; the result is a new layer.");
      layer = layer_beside (&d->state, &d->in, result, d->selected, blend, name, recipe, error);
    }
  g_free (name);
  g_free (recipe);
  g_free (result);
  return layer;
}

static GimpLayer *
compute_and_publish (denoise *d, GimpPDBStatusType *status, GError **error)
{
  df_input    input = { .seed = (guint64) d->s->seed, .x0 = d->in.x0, .mask = d->mask };
  share       part  = { 0, 1 };
  df_session *session = new_session (d->model, &d->request, status, error);
  GimpLayer  *layer   = NULL;
  float      *canvas;
  df_error    err;

  if (session == NULL)
    return NULL;
  *status = GIMP_PDB_EXECUTION_ERROR;
  canvas  = g_new (float, (gsize) d->request.width * d->request.height * d->in.channels);
  gimp_progress_init_printf ("%s", df_model_describe (d->model)->title);
  if (job_run (session, &input, tick, &part, canvas, &err) == DF_OK)
    layer = publish (d, canvas, error);
  else
    refuse (error, "%s", err.text);
  gimp_progress_end ();
  df_session_free (session);
  g_free (canvas);
  return layer;
}

GimpLayer *
run_denoise (GimpImage *image, GimpDrawable **drawables, settings *s, GimpPDBStatusType *status, GError **error)
{
  denoise    d     = { .image = image, .s = s };
  GimpLayer *layer = NULL;

  *status = GIMP_PDB_CALLING_ERROR;
  if (!check_image (image, error) || !check_drawable (drawables, strcmp (s->output, "new-layer") != 0, error))
    return NULL;
  d.drawable = drawables[0];
  if (!selection_bounds (d.drawable, &d.bounds))
    {
      refuse (error, "The selection does not touch the layer: select a part of it, or nothing at all.");
      return NULL;
    }
  d.model = open_model (s->model, error);
  if (d.model != NULL && check_settings (s, d.model, &d.request, error) && read_picture (&d, error))
    layer = compute_and_publish (&d, status, error);
  region_clear (&d.in);
  layer_forget (&d.state);
  g_free (d.selected);
  g_free (d.mask);
  df_model_close (d.model);
  return layer;
}
