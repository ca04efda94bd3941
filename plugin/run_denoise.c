/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run_denoise: read, check, compute off the image, publish as the last act. Variations are several of it. */
#include "run.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "check.h"
#include "compute.h"
#include "job.h"
#include "landing.h"
#include "layer_out.h"
#include "prepare.h"
#include "recipe.h"
#include "region_in.h"
#include "selection.h"

typedef struct denoise
{
  GimpImage       *image;
  GimpDrawable    *drawable;
  settings        *s;
  const job_watch *watch;
  df_model        *model;
  prepared         p;
  layer_state      state;
  region           in;
  float           *selected;   /* [bounds]: the selection as it is, for writing */
  float           *mask;       /* [canvas]: feathered, for the sampler          */
  char            *sha256;     /* of the model, for the recipes                 */
  landing          landing;
} denoise;

/* The picture and its mask, for the prepared canvas. */
static gboolean
read_picture (denoise *d, GError **error)
{
  const df_rect *canvas = &d->p.canvas, *instead = &d->s->within;
  df_error       err;
  float         *window;
  df_status      status;

  d->landing  = landing_of (d->image);
  d->state    = layer_remember (d->drawable, &d->p.place, instead);
  d->in       = region_read (d->drawable, canvas, df_model_describe (d->model)->channels);
  d->selected = selection_read (d->drawable, instead, &d->p.place);
  d->mask     = g_new (float, (gsize) canvas->width * canvas->height);
  window      = selection_read (d->drawable, instead, &d->in.window);
  status      = df_canvas_mask (window, d->in.window.width, d->in.window.height,
                                d->p.request.hard_edge_blend ? 0.0 : d->s->feather, canvas->width, canvas->height, d->mask,
                                &err);
  g_free (window);
  return status == DF_OK || refuse (error, "%s", err.text);
}

/* Model, checks, picture; forget_picture frees what there is. */
static gboolean
open_denoise (denoise *d, GimpDrawable **drawables, GError **error)
{
  d->model = prepare_model (d->s, error);
  if (d->model == NULL || !prepare_denoise (d->image, drawables, d->s, d->model, &d->p, error))
    return FALSE;
  d->drawable = drawables[0];
  return read_picture (d, error);
}

static void
forget_picture (denoise *d)
{
  region_clear (&d->in);
  layer_forget (&d->state);
  landing_clear (&d->landing);
  g_free (d->selected);
  g_free (d->mask);
  g_free (d->sha256);
  df_model_close (d->model);
}

static char *
recipe_of_denoise (const denoise *d, gboolean beside, int stopped)
{
  gboolean read = beside && !d->landing.fresh && gimp_item_is_valid (GIMP_ITEM (d->drawable));

  return recipe_text (&(recipe) { .procedure = "plug-in-diffusion-denoise", .s = d->s, .model = df_model_describe (d->model),
                                  .sha256 = d->sha256,
                                  .region = d->p.place, .origin_x = d->p.request.origin_x, .origin_y = d->p.request.origin_y,
                                  .selected = d->state.selection,
                                  .source = read ? gimp_item_get_tattoo (GIMP_ITEM (d->drawable)) : 0,
                                  .stopped_after = stopped });
}

/* Whether the result may still go into the layer. */
static gboolean
still_writable (const denoise *d)
{
  GimpDrawable *drawables[] = { d->drawable, NULL };

  return layer_unchanged (&d->state) && check_drawable (drawables, TRUE, NULL);
}

/* group, name: as for layer_beside; NULL: on its own, named as prepare_name does. */
static GimpLayer *
publish_beside (const denoise *d, const float *canvas, int stopped, GimpLayer *group, const char *name, GError **error)
{
  char      *own    = prepare_name (df_model_describe (d->model), &d->p.request, d->s->seed);
  char      *text   = recipe_of_denoise (d, TRUE, stopped);
  float     *result = region_result (&d->in, canvas);
  GimpLayer *layer;

  layer = layer_beside (d->landing.image, &d->state, &d->in, result, d->selected, d->p.request.hard_edge_blend, group,
                        name != NULL ? name : own, text, error);
  g_free (result);
  g_free (text);
  g_free (own);
  return layer;
}

static GimpLayer *
publish (denoise *d, const float *canvas, int stopped, GError **error)
{
  gboolean   beside = strcmp (d->s->output, "new-layer") == 0;
  float     *result;
  char      *text;
  GimpLayer *layer;

  d->sha256 = recipe_sha256 (df_model_describe (d->model)->weights_path);     /* before it is looked what has changed */
  if (!landing_open (&d->landing, error))
    return NULL;
  if (beside || d->landing.fresh || !still_writable (d))
    {
      if (!beside && !d->landing.fresh)
        gimp_message (_("The layer or the selection changed during the run; the result is a new layer."));
      g_free (d->s->output);
      d->s->output = g_strdup ("new-layer");     /* made again, it must not replace anything either */
      layer = publish_beside (d, canvas, stopped, NULL, NULL, error);
      landing_end (&d->landing, layer != NULL);
      return layer;
    }
  result = region_result (&d->in, canvas);
  text   = recipe_of_denoise (d, FALSE, stopped);
  layer_replace (&d->state, &d->in, result, d->selected, d->p.request.hard_edge_blend, text);
  g_free (text);
  g_free (result);
  return GIMP_LAYER (d->drawable);
}

/* [canvas], g_free; *stopped: after so many steps, or 0. NULL: *status is CANCEL, or there is an error. */
static float *
compute_denoised (denoise *d, int *stopped, GimpPDBStatusType *status, GError **error)
{
  df_input    input   = { .seed = (guint64) d->s->seed, .x0 = d->in.x0, .mask = d->mask };
  df_session *session = compute_session (d->model, &d->p, status, error);
  float      *canvas;
  compute     c;
  df_error    err;
  df_status   result;

  if (session == NULL)
    return NULL;
  canvas = g_new (float, (gsize) d->p.request.width * d->p.request.height * d->in.channels);
  c      = compute_begin (d->watch, d->model, &d->p.request, 1, d->in.x0, d->p.request.hard_edge_blend ? d->mask : NULL);
  result = compute_picture (&c, session, &input, d->s->stop_after, canvas, &err);
  compute_end (&c);
  df_session_free (session);
  *stopped = c.stopped_after;
  *status  = result == DF_CANCELLED ? GIMP_PDB_CANCEL : GIMP_PDB_EXECUTION_ERROR;
  if (result == DF_OK)
    return canvas;
  g_free (canvas);
  if (result != DF_CANCELLED)
    refuse (error, "%s", err.text);
  return NULL;
}

/* A rerun without the selection of then makes another picture: that is said, and no reason to stop. */
static void
compare_selection (const denoise *d)
{
  if (d->s->selected[0] != '\0' && strcmp (d->s->selected, d->state.selection) != 0)
    gimp_message (_("The selection is another than when this layer was made: the result will be another too. Without a "
                    "selection the rectangle around that of then counts."));
}

GimpLayer *
run_denoise (GimpImage *image, GimpDrawable **drawables, settings *s, const job_watch *watch, GimpPDBStatusType *status,
             GError **error)
{
  denoise    d     = { .image = image, .s = s, .watch = watch };
  GimpLayer *layer = NULL;
  float     *canvas = NULL;
  int        stopped;

  *status = GIMP_PDB_CALLING_ERROR;
  if (open_denoise (&d, drawables, error))
    {
      compare_selection (&d);
      canvas = compute_denoised (&d, &stopped, status, error);
    }
  if (canvas != NULL)
    layer = publish (&d, canvas, stopped, error);
  g_free (canvas);
  forget_picture (&d);
  return layer;
}

/* The layer's part of a canvas; g_free. */
static float *
window_of (const denoise *d, const float *canvas)
{
  const df_rect *w        = &d->in.window;
  gsize          row      = (gsize) w->width * d->in.channels;
  float         *out      = g_new (float, row * w->height);

  for (int y = 0; y < w->height; y++)
    memcpy (out + y * row, canvas + (gsize) y * d->in.canvas.width * d->in.channels, row * sizeof *out);
  return out;
}

gboolean
run_rehearse_denoise (GimpImage *image, GimpDrawable **drawables, settings *s, const job_watch *watch, rehearsal *out,
                      GimpPDBStatusType *status, GError **error)
{
  denoise d      = { .image = image, .s = s, .watch = watch };
  float  *canvas = NULL;
  int     stopped;

  *status = GIMP_PDB_CALLING_ERROR;
  if (open_denoise (&d, drawables, error))
    canvas = compute_denoised (&d, &stopped, status, error);
  if (canvas != NULL)
    {
      if (d.p.request.hard_edge_blend)
        compute_blend (canvas, d.in.x0, d.mask, (gsize) d.in.canvas.width * d.in.canvas.height, d.in.channels);
      *out = (rehearsal) { d.in.window.width, d.in.window.height, d.in.channels, window_of (&d, d.in.x0),
                           window_of (&d, canvas) };
    }
  g_free (canvas);
  forget_picture (&d);
  return out->after != NULL;
}

/* ------------------------------------------------------------------ variations */

typedef struct variations
{
  denoise   *d;           /* one for each noise level; the picture is read once, by the first */
  int        levels, seeds;
  GPtrArray *pictures;    /* [canvas] each, level by level                                    */
  int        stopped_after;
} variations;

/* All seeds of one level. DF_OK while everything went to its end. */
static df_status
compute_level (variations *v, int level, compute *c, GimpPDBStatusType *status, GError **error)
{
  denoise    *d       = &v->d[level];
  df_session *session = compute_session (d->model, &d->p, status, error);
  df_status   result  = session != NULL ? DF_OK : DF_ERROR_ARGUMENT;
  gsize       n       = (gsize) d->p.request.width * d->p.request.height * v->d[0].in.channels;
  df_error    err;

  for (int i = 0; i < v->seeds && result == DF_OK && c->answer == JOB_GO_ON; i++)
    {
      df_input input  = { .seed = (guint64) d->s->seed + (guint64) i, .x0 = v->d[0].in.x0, .mask = v->d[0].mask };
      float   *canvas = g_new (float, n);

      result = compute_picture (c, session, &input, 0, canvas, &err);
      if (result == DF_OK)
        {
          g_ptr_array_add (v->pictures, canvas);
          continue;
        }
      g_free (canvas);
      if (result != DF_CANCELLED)
        refuse (error, "%s", err.text);
    }
  df_session_free (session);
  return result;
}

/* FALSE: *status is CANCEL, or there is an error. */
static gboolean
compute_variations (variations *v, GimpPDBStatusType *status, GError **error)
{
  denoise   *first  = &v->d[0];
  compute    c      = compute_begin (first->watch, first->model, &first->p.request, v->levels * v->seeds, first->in.x0,
                                     first->p.request.hard_edge_blend ? first->mask : NULL);
  df_status  result = DF_OK;

  *status = GIMP_PDB_EXECUTION_ERROR;
  for (int i = 0; i < v->levels && result == DF_OK && c.answer == JOB_GO_ON; i++)
    result = compute_level (v, i, &c, status, error);
  compute_end (&c);
  v->stopped_after = c.stopped_after;
  if (result != DF_OK && result != DF_CANCELLED)
    return FALSE;
  if (c.answer != JOB_CANCEL && v->pictures->len > 0)
    return TRUE;
  *status = GIMP_PDB_CANCEL;
  return FALSE;
}

/* One layer for each picture, the first on top and alone visible; a number first, for GIMP's list cuts names. */
static gboolean
fill_group (variations *v, GimpLayer *group, GError **error)
{
  for (guint i = v->pictures->len; i-- > 0; )
    {
      settings   s    = *v->d[i / v->seeds].s;
      denoise    one  = v->d[0];
      char      *name = g_strdup_printf (_("%d: t %d, seed %d"), (int) i + 1, s.start_t, s.seed + (int) (i % v->seeds));
      GimpLayer *layer;

      s.seed   += (int) (i % v->seeds);
      one.s     = &s;
      one.p     = v->d[i / v->seeds].p;
      layer     = publish_beside (&one, v->pictures->pdata[i], i + 1 == v->pictures->len ? v->stopped_after : 0, group, name,
                                  error);
      g_free (name);
      if (layer == NULL)
        return FALSE;
      if (i > 0)
        gimp_item_set_visible (GIMP_ITEM (layer), FALSE);
    }
  return TRUE;
}

static GimpLayer *
publish_variations (variations *v, GError **error)
{
  GimpImage *image;
  GimpLayer *group;
  char      *name;
  gboolean   fine;

  v->d[0].sha256 = recipe_sha256 (df_model_describe (v->d[0].model)->weights_path);
  if (!landing_open (&v->d[0].landing, error))
    return NULL;
  image = v->d[0].landing.image;
  name  = g_strdup_printf (_("Variations of %s"), v->d[0].state.name);
  gimp_image_undo_group_start (image);
  group = GIMP_LAYER (gimp_group_layer_new (image, name));
  gimp_image_insert_layer (image, group, NULL, -1);
  fine = fill_group (v, group, error);
  gimp_image_undo_group_end (image);
  gimp_displays_flush ();
  g_free (name);
  landing_end (&v->d[0].landing, fine);
  return fine ? group : NULL;
}

GimpLayer *
run_variations (GimpImage *image, GimpDrawable **drawables, settings *s, const job_watch *watch, GimpPDBStatusType *status,
                GError **error)
{
  df_model   *model = prepare_model (s, error);
  prepared   *p     = NULL;
  settings   *each  = NULL;
  variations  v     = { 0 };
  GimpLayer  *group = NULL;

  *status  = GIMP_PDB_CALLING_ERROR;
  v.levels = model != NULL ? prepare_variations (image, drawables, s, model, &each, &p, error) : 0;
  v.seeds  = s->count;
  v.d      = g_new0 (denoise, MAX (v.levels, 1));
  for (int i = 0; i < v.levels; i++)
    v.d[i] = (denoise) { .image = image, .drawable = drawables[0], .s = &each[i], .watch = watch, .model = model, .p = p[i] };
  v.d[0].model = model;
  v.pictures   = g_ptr_array_new_with_free_func (g_free);
  if (v.levels > 0 && read_picture (&v.d[0], error) && compute_variations (&v, status, error))
    group = publish_variations (&v, error);
  g_ptr_array_unref (v.pictures);
  forget_picture (&v.d[0]);
  g_free (v.d);
  prepare_forget (each, p, v.levels);
  return group;
}
