/* SPDX-License-Identifier: GPL-3.0-or-later */
/* selection: GIMP's selection as numbers.
 *
 * The selection is a grey picture as large as the canvas: 0 outside, 1 selected, in between feathered. Here it is
 * always read for a rectangle in drawable coordinates: what lies beyond the canvas counts as unselected, and an
 * image without a selection counts as all selected, within the layer and beyond the canvas alike, as for GIMP's own
 * filters. Its values are read as float, whatever the image's precision (an 8-bit image has an 8-bit selection).
 * What a value means to the sampler stands in DESIGN §5: how far a pixel is taken along, not how much of two pictures
 * is mixed. Transparency of the layer is no selection: transparent pixels are treated as any other.
 *
 * `instead`, a rectangle in layer coordinates, is the selection where the image has none; without width it is not. */
#ifndef PLUGIN_SELECTION_H
#define PLUGIN_SELECTION_H

#include <libgimp/gimp.h>

#include "core/diffusion.h"

/* Bounds of selection ∩ layer in layer coordinates. FALSE: they do not meet. */
gboolean selection_bounds (GimpDrawable *drawable, const df_rect *instead, df_rect *bounds);
/* [height,width] 0 … 1 for a rectangle in layer coordinates; g_free. */
float   *selection_read   (GimpDrawable *drawable, const df_rect *instead, const df_rect *rect);

#endif
