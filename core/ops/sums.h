/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sums: sums over the pixels of NHWC data per image and channel, in double, over fixed chunks combined by
 * index; the reduction that GroupNorm and the gradients of a bias and of an added row share. */
#ifndef DF_OPS_SUMS_H
#define DF_OPS_SUMS_H

#include "ops/ops.h"

typedef struct df_sums
{
  int          batch, channels;
  size_t       pixels;
  const float *x;
  /* channels from `first` on come from x2 (a concatenation that was never made); NULL: all from x */
  const float *x2;
  int          first;
  /* with dy: Σdz and Σdz·x instead of Σx and Σx²; scale, shift of image n at n·stats (kernels.h, back_sums) */
  const float *dy, *scale, *shift;
  size_t       stats;
  bool         silu;
} df_sums;

/* Floats of scratch that df_sums_run needs. After it, scratch starts with double sums[batch][2][channels]. */
size_t        df_sums_scratch (int batch, size_t pixels, int channels);
const double *df_sums_run     (const df_ops *ops, const df_sums *sums);

/* Gradients of y = … + bias[c] + row[n][c]: drow [batch,channels] and dbias [channels], each or NULL. */
void df_row_gradients (const df_ops *ops, int batch, size_t pixels, int channels, const float *dy,
                       float *drow, bool add_row, float *dbias, bool add_bias);

#endif
