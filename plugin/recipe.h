/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recipe: how a layer was made, as JSON in a parasite of the layer: enough to make it again. */
#ifndef PLUGIN_RECIPE_H
#define PLUGIN_RECIPE_H

#include <libgimp/gimp.h>

#include "args.h"
#include "core/diffusion.h"

#define RECIPE_PARASITE "gimp-diffusion-recipe"

typedef struct recipe
{
  const char          *procedure;
  const settings      *s;                    /* every argument as it was resolved                     */
  const df_model_info *model;
  const char          *sha256;               /* of its weights: recipe_sha256, once a run             */
  df_rect              region;               /* denoise: layer coordinates; generate: of the image    */
  int                  origin_x, origin_y;   /* of the noise                                          */
  const char          *selected;             /* denoise: checksum of what was selected, layer_out.h       */
  guint                source;               /* denoise to a new layer: tattoo of the layer it read   */
  int                  stopped_after;        /* whole steps when the user stopped; 0: ran to the end  */
} recipe;

/* The JSON text; g_free. */
char    *recipe_text (const recipe *r);
/* The settings that make the layer again, and the source that was read; FALSE with an error
 * where the item has no recipe, or one that is not ours. Model weights are compared by the caller with *sha256 (g_free). */
gboolean recipe_read (GimpItem *item, settings *s, char **sha256, guint *source, GError **error);
/* SHA-256 of a file in hexadecimal, "" where it cannot be read; g_free. */
char    *recipe_sha256 (const char *path);
/* PERSISTENT and UNDOABLE: goes into the XCF file, and away with Undo. */
void     recipe_attach (GimpItem *item, const char *text);

#endif
