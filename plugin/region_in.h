/* SPDX-License-Identifier: GPL-3.0-or-later */
/* region_in: pixels of a layer as the network sees them, and what is needed to write them back.
 *
 * Read as linear RGBA float in the layer's own space, converted by babl to linear sRGB, clamped to 0 … 1, sRGB curve,
 * to -1 … 1. The unclamped linear values are kept: a changed pixel is original + (result - clamped original), so
 * colours beyond sRGB keep what the network never saw. */
#ifndef PLUGIN_REGION_IN_H
#define PLUGIN_REGION_IN_H

#include <libgimp/gimp.h>

#include "core/diffusion.h"

typedef struct region
{
  df_rect     canvas;      /* what the network sees, layer coordinates                      */
  df_rect     window;      /* canvas ∩ layer                                                */
  int         channels;    /* of the model: 1, 3 or 4                                       */
  const Babl *native;      /* format of the layer                                           */
  float      *linear;      /* [window] RGBA, linear sRGB primaries, not clamped, not premultiplied */
  float      *x0;          /* [canvas,channels] -1 … 1, mirrored beyond the layer           */
} region;

region region_read  (GimpDrawable *drawable, const df_rect *canvas, int channels);
void   region_clear (region *r);

/* The picture with the result in it: [window] RGBA linear sRGB, as `linear`; g_free. result: [canvas,channels]. */
float *region_result (const region *r, const float *result);

/* Every k-th pixel of a rectangle within the layer as the network sees it: [⌈height/k⌉,⌈width/k⌉,channels]; g_free. */
float *region_sample (GimpDrawable *drawable, const df_rect *rect, int k, int channels);

/* -1 … 1 [pixels,channels] to R'G'B'A 0 … 1 [pixels,4], alpha 1 where the model has none. For new layers. */
void   region_to_rgba (const float *x, gsize pixels, int channels, float *out);

#endif
