/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recipe: how a layer was made, as JSON in a parasite of the layer: enough to make it again. */
#ifndef PLUGIN_RECIPE_H
#define PLUGIN_RECIPE_H

#include <libgimp/gimp.h>

#include "args.h"
#include "core/diffusion.h"

#define RECIPE_PARASITE "gimp-diffusion-recipe"

/* The JSON text; s has every argument as it was resolved. region: layer coordinates; origin: of the noise. g_free. */
char *recipe_text   (const char *procedure, const settings *s, const df_model_info *model, const df_rect *region,
                     int origin_x, int origin_y);
/* PERSISTENT and UNDOABLE: goes into the XCF file, and away with Undo. */
void  recipe_attach (GimpItem *item, const char *text);

#endif
