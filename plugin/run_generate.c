/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run_generate: check, compute off the image, publish as the last act. */
#include "run.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "check.h"
#include "compute.h"
#include "job.h"
#include "landing.h"
#include "layer_out.h"
#include "pattern_out.h"
#include "prepare.h"
#include "recipe.h"
#include "region_in.h"

typedef struct generate
{
  GimpImage           *image;
  settings            *s;
  const job_watch     *watch;
  df_model            *model;
  const df_model_info *info;
  prepared             p;
  GPtrArray           *pictures;        /* [place,channels] -1 … 1 each                          */
  gboolean            *keep;            /* which of them are published                           */
  int                  stopped_after;   /* steps of the last picture; 0 when it went to its end  */
  char                *sha256;          /* of the model, for the recipes                         */
  landing              landing;
} generate;

/* The top left of the canvas; g_free. */
static float *
crop (const generate *g, const float *canvas)
{
  const df_rect *place = &g->p.place;
  gsize          row   = (gsize) place->width * g->info->channels;
  float         *out   = g_new (float, row * place->height);

  for (int y = 0; y < place->height; y++)
    memcpy (out + y * row, canvas + (gsize) y * g->p.request.width * g->info->channels, row * sizeof *out);
  return out;
}

/* A picture as R'G'B'A; g_free. */
static float *
rgba_of (const generate *g, guint index)
{
  gsize  n   = (gsize) g->p.place.width * g->p.place.height;
  float *out = g_new (float, 4 * n);

  region_to_rgba (g->pictures->pdata[index], n, g->info->channels, out);
  return out;
}

/* `count` pictures; fewer when it was stopped. FALSE: *status is CANCEL, or there is an error. */
static gboolean
compute_pictures (generate *g, df_session *session, GimpPDBStatusType *status, GError **error)
{
  float    *canvas = g_new (float, (gsize) g->p.request.width * g->p.request.height * g->info->channels);
  compute   c      = compute_begin (g->watch, g->model, &g->p.request, g->s->count, NULL, NULL);
  df_status result = DF_OK;
  df_error  err;

  while (c.index < c.count && result == DF_OK && c.answer == JOB_GO_ON)
    {
      df_input input = { .seed = (guint64) g->s->seed + (guint64) c.index };

      result = compute_picture (&c, session, &input, g->s->stop_after, canvas, &err);
      if (result == DF_OK)
        g_ptr_array_add (g->pictures, crop (g, canvas));
    }
  compute_end (&c);
  g->stopped_after = c.stopped_after;
  g_free (canvas);
  if (result != DF_OK && result != DF_CANCELLED)
    return refuse (error, "%s", err.text);
  if (c.answer != JOB_CANCEL && g->pictures->len > 0)
    return TRUE;
  *status = GIMP_PDB_CANCEL;
  return FALSE;
}

/* Each layer's recipe is that of a call that makes it alone. */
static char *
recipe_of (const generate *g, guint index)
{
  settings one = *g->s;

  one.seed        = (int) ((gint64) g->s->seed + index);
  one.random_seed = FALSE;
  one.count       = 1;
  one.width       = g->p.place.width;
  one.height      = g->p.place.height;
  return recipe_text (&(recipe) { .procedure = "plug-in-diffusion-generate", .s = &one, .model = g->info,
                                  .sha256 = g->sha256, .region = g->p.place,
                                  .stopped_after = index + 1 == g->pictures->len ? g->stopped_after : 0 });
}

/* g_free. */
static char *
name_of (const generate *g, guint index)
{
  return prepare_name (g->info, &g->p.request, (gint64) g->s->seed + index);
}

/* Which pictures are published: all, where nobody is asked. FALSE: none, and *status is CANCEL. */
static gboolean
choose (generate *g, GimpPDBStatusType *status)
{
  guint      n     = g->pictures->len;
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  job_choice choice = { { g->info->title, g->p.place.width, g->p.place.height, g->info->channels, NULL }, (int) n,
                        (const float *const *) g->pictures->pdata, NULL };
  gboolean   fine  = TRUE;

  g->keep = g_new (gboolean, n);
  for (guint i = 0; i < n; i++)
    {
      g->keep[i] = TRUE;
      g_ptr_array_add (names, name_of (g, i));
    }
  choice.names = (const char *const *) names->pdata;
  if (n > 1 && g->watch->choose != NULL)
    fine = g->watch->choose (g->watch->user, &choice, g->keep);
  if (!fine)
    *status = GIMP_PDB_CANCEL;
  g_ptr_array_unref (names);
  return fine;
}

/* No layers, but no failure. */
static GimpLayer **
publish_patterns (generate *g, GError **error)
{
  gboolean fine = TRUE;

  for (guint i = 0; i < g->pictures->len && fine; i++)
    {
      char  *name = name_of (g, i);
      float *rgba = rgba_of (g, i);

      if (g->keep[i])
        fine = pattern_save (name, g->p.place.width, g->p.place.height, rgba, error);
      g_free (rgba);
      g_free (name);
    }
  gimp_patterns_refresh ();
  return fine ? g_new0 (GimpLayer *, 1) : NULL;
}

/* A layer that is not yet in the image; NULL with an error. */
static GimpLayer *
layer_of (const generate *g, guint index, GError **error)
{
  char      *name  = name_of (g, index);
  float     *rgba  = rgba_of (g, index);
  GimpLayer *layer = layer_from_rgba (g->landing.image, name, &g->p.place, rgba, error);

  g_free (rgba);
  g_free (name);
  return layer;
}

static GimpLayer **
insert_pictures (const generate *g, GError **error)
{
  guint       n = g->pictures->len, made = 0;
  GimpLayer **layers = g_new0 (GimpLayer *, n + 1);
  guint      *from   = g_new (guint, n);      /* the picture of each layer */

  for (guint i = 0; i < n && (made == 0 || layers[made - 1] != NULL); i++)
    if (g->keep[i])
      {
        from[made]   = i;
        layers[made] = layer_of (g, i, error);
        made++;
      }
  if (layers[made - 1] == NULL)
    {
      g_free (from);
      g_free (layers);
      return NULL;
    }
  gimp_image_undo_group_start (g->landing.image);
  for (guint i = 0; i < made; i++)
    {
      char *text = recipe_of (g, from[i]);

      gimp_image_insert_layer (g->landing.image, layers[i], NULL, -1);
      recipe_attach (GIMP_ITEM (layers[i]), text);
      g_free (text);
    }
  gimp_image_undo_group_end (g->landing.image);
  gimp_displays_flush ();
  g_free (from);
  return layers;
}

static GimpLayer **
publish_pictures (generate *g, GError **error)
{
  GimpLayer **layers = NULL;

  g->sha256 = recipe_sha256 (g->info->weights_path);     /* may take a second: before anything is touched */
  if (landing_open (&g->landing, error))
    {
      layers = insert_pictures (g, error);
      landing_end (&g->landing, layers != NULL);
    }
  return layers;
}

/* All pictures off the image; close_generate frees what there is. */
static gboolean
generate_pictures (generate *g, GimpPDBStatusType *status, GError **error)
{
  df_session *session;
  gboolean    fine;

  *status     = GIMP_PDB_CALLING_ERROR;
  g->pictures = g_ptr_array_new_with_free_func (g_free);
  g->model    = prepare_model (g->s, error);
  if (g->model == NULL)
    return FALSE;
  g->info = df_model_describe (g->model);
  if (!prepare_generate (g->image, g->s, g->model, &g->p, error))
    return FALSE;
  g->landing = landing_of (g->image);
  session    = compute_session (g->model, &g->p, status, error);
  if (session == NULL)
    return FALSE;
  *status = GIMP_PDB_EXECUTION_ERROR;
  fine    = compute_pictures (g, session, status, error);
  df_session_free (session);
  return fine;
}

static void
close_generate (generate *g)
{
  g_ptr_array_unref (g->pictures);
  g_free (g->keep);
  g_free (g->sha256);
  df_model_close (g->model);
  landing_clear (&g->landing);
}

GimpLayer **
run_generate (GimpImage *image, settings *s, const job_watch *watch, GimpPDBStatusType *status, GError **error)
{
  generate    g      = { .image = image, .s = s, .watch = watch };
  GimpLayer **layers = NULL;

  if (generate_pictures (&g, status, error) && choose (&g, status))
    layers = (strcmp (s->output, "pattern") == 0 ? publish_patterns : publish_pictures) (&g, error);
  close_generate (&g);
  return layers;
}

gboolean
run_rehearse_generate (GimpImage *image, settings *s, const job_watch *watch, rehearsal *out, GimpPDBStatusType *status,
                       GError **error)
{
  generate g = { .image = image, .s = s, .watch = watch };

  s->count = 1;
  if (generate_pictures (&g, status, error))
    *out = (rehearsal) { g.p.place.width, g.p.place.height, g.info->channels, NULL,
                         g_ptr_array_steal_index (g.pictures, 0) };
  close_generate (&g);
  return out->after != NULL;
}

void
rehearsal_clear (rehearsal *r)
{
  g_clear_pointer (&r->before, g_free);
  g_clear_pointer (&r->after, g_free);
}
