/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rerun: see rerun.h. */
#include "rerun.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "check.h"
#include "prepare.h"
#include "recipe.h"
#include "run.h"

/* Other weights under the same name make another picture: that is said, and no reason to stop. */
static void
compare_model (const settings *s, const char *sha256)
{
  settings  copy  = settings_copy (s);
  df_model *model = prepare_model (&copy, NULL);
  char     *now   = model != NULL ? recipe_sha256 (df_model_describe (model)->weights_path) : NULL;

  if (now != NULL && strcmp (now, sha256) != 0)
    g_message (_("The model \"%s\" has changed since this layer was made: the result will be another."), copy.model);
  g_free (now);
  df_model_close (model);
  settings_clear (&copy);
}

/* The layer that was read when this one was made beside it. */
static gboolean
find_source (GimpImage *image, guint tattoo, GimpDrawable **drawable, GError **error)
{
  GimpLayer *source = gimp_image_get_layer_by_tattoo (image, tattoo);

  if (source == NULL)
    return refuse (error, _("The layer that this one was made from is gone: select another layer and start from there."));
  *drawable = GIMP_DRAWABLE (source);
  return TRUE;
}

static GimpLayer *
generate_again (GimpImage *image, settings *s, const job_watch *watch, GimpPDBStatusType *status, GError **error)
{
  GimpLayer **layers = run_generate (image, s, watch, status, error);
  GimpLayer  *layer  = layers != NULL ? layers[0] : NULL;

  g_free (layers);
  return layer;
}

GimpLayer *
rerun_layer (GimpImage *image, GimpDrawable **drawables, const job_watch *watch, GimpPDBStatusType *status,
             GError **error)
{
  GimpDrawable *source[] = { NULL, NULL };
  GimpLayer    *layer    = NULL;
  settings      s;
  char         *sha256;
  guint         tattoo;

  *status = GIMP_PDB_CALLING_ERROR;
  if (!check_image (image, error) || !check_drawable (drawables, FALSE, error) ||
      !recipe_read (GIMP_ITEM (drawables[0]), &s, &sha256, &tattoo, error))
    return NULL;
  source[0] = drawables[0];
  compare_model (&s, sha256);
  if (s.kind == PROCEDURE_GENERATE)
    layer = generate_again (image, &s, watch, status, error);
  else if (tattoo == 0 || find_source (image, tattoo, &source[0], error))
    layer = run_denoise (image, source, &s, watch, status, error);
  g_free (sha256);
  settings_clear (&s);
  return layer;
}
