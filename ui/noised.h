/* SPDX-License-Identifier: GPL-3.0-or-later */
/* noised: what a partial denoise starts from, at any level t at once: x_t = √ᾱ_t·x_0 + √(1-ᾱ_t)·ε (Ho 2020, eq. 4), with
 * the ε of the run. The sampler noises every pixel to the same t and then releases pixels of lower selection to the
 * original step by step; a picture of that says nothing, so here each pixel has its own level, at which it is released:
 * what is thrown away of it. */
#ifndef UI_NOISED_H
#define UI_NOISED_H

#include <glib.h>

#include "core/diffusion.h"

#define NOISED_SIDE 512      /* larger pictures are read in steps, so that no preview is larger */

typedef struct noised
{
  int      width, height, channels;
  float   *x0;               /* [height,width,channels]                          */
  float   *mask;             /* [height,width] 0 … 1, feathered                  */
  float   *noise;            /* [height,width,channels] ε                        */
  gboolean blend;            /* noised alike everywhere, mixed through the mask  */
} noised;

/* ε of a seed into n->noise, for the view of a request's origin and tiling; x0 and size are there. */
void noised_draw  (noised *n, const df_model *model, const df_request *request, int seed);
/* out [height,width,channels]. 1 ≤ t < T. */
void noised_at    (const noised *n, const df_model *model, int t, float *out);
/* The level of each pixel alone, light is noise: out [height,width]. */
void noised_map   (const noised *n, const df_model *model, int t, float *out);
void noised_clear (noised *n);

#endif
