/* SPDX-License-Identifier: GPL-3.0-or-later */
/* halo: a copy of NHWC pictures with their border, as a 3×3 convolution reads them. The virtual picture is x
 * itself, x upsampled ×2 (nearest), or x with zeros between its pixels (the gradient of stride 2). */
#ifndef DF_OPS_HALO_H
#define DF_OPS_HALO_H

#include "ops/ops.h"

typedef enum df_halo_kind { DF_HALO_PLAIN, DF_HALO_UPSAMPLE, DF_HALO_DILATE } df_halo_kind;

typedef struct df_halo
{
  int          batch, height, width, channels;   /* of the source                                  */
  df_halo_kind kind;
  int          before;                           /* border above and left; below and right follows */
  int          padded_height, padded_width;      /* of the copy                                    */
  bool         tile_x, tile_y;                   /* wrap instead of 0                              */
} df_halo;

size_t df_halo_floats (const df_halo *halo);
/* Source index of position i of the copy, -1 where it is 0. */
int    df_halo_index (df_halo_kind kind, int i, int before, int source, bool tile);
void   df_halo_fill (const df_ops *ops, const df_halo *halo, const float *x, float *out);

#endif
