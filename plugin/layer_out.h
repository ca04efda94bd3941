/* SPDX-License-Identifier: GPL-3.0-or-later */
/* layer_out: the last act. Everything is computed before; what happens here takes milliseconds, is one undo step, and
 * leaves pixels outside the selection bit-identical. */
#ifndef PLUGIN_LAYER_OUT_H
#define PLUGIN_LAYER_OUT_H

#include <libgimp/gimp.h>

#include "region_in.h"

/* What must not have changed between reading and writing. */
typedef struct layer_state
{
  GimpDrawable *drawable;
  char         *name;
  int           width, height, offset_x, offset_y;
  const Babl   *format;
  df_rect       bounds;         /* selection ∩ layer, layer coordinates       */
  df_rect       instead;        /* of a selection, see selection.h            */
  char         *selection;      /* checksums of the selection and …           */
  char         *pixels;         /* … of the layer in these bounds             */
} layer_state;

/* Of the pixels in a rectangle, in hexadecimal; g_free. */
char       *layer_checksum  (GimpDrawable *drawable, const Babl *format, const df_rect *rect);
layer_state layer_remember  (GimpDrawable *drawable, const df_rect *bounds, const df_rect *instead);
gboolean    layer_unchanged (const layer_state *state);
void        layer_forget    (layer_state *state);

/* Replaces the selected pixels. result: [r->window] RGBA linear sRGB; mask: the selection in state->bounds.
 * noise-level (blend FALSE): pixels with a selection above 0 are written as they are. blend: GIMP mixes through the
 * selection. Alpha and components that are locked or switched off stay. */
void layer_replace (const layer_state *state, const region *r, const float *result, const float *mask, gboolean blend,
                    const char *recipe);

/* The same as a new layer above, or on top of a group, transparent where nothing is selected. The drawable that was read
 * may be gone. NULL with an error. */
GimpLayer *layer_beside (GimpImage *image, const layer_state *state, const region *r, const float *result,
                         const float *mask, gboolean blend, GimpLayer *group, const char *name, const char *recipe,
                         GError **error);

/* A new layer of the image's kind at an image position from R'G'B'A float (sRGB). Not inserted. */
GimpLayer *layer_from_rgba (GimpImage *image, const char *name, const df_rect *place, const float *rgba,
                            GError **error);

#endif
