/* SPDX-License-Identifier: GPL-3.0-or-later */
/* norm: GroupNorm (Wu & He 2018; biased variance, eps inside the root), optionally followed by SiLU.
 * Statistics are sums in double over chunks of pixels, combined by index. */
#ifndef DF_OPS_NORM_H
#define DF_OPS_NORM_H

#include "ops/ops.h"

typedef struct df_norm
{
  int    batch, channels, groups;
  size_t pixels;                   /* of one image */
  double eps;
  bool   silu;
  int    first;                    /* channels of x where there is an x2 */
} df_norm;

/* Floats of `stats`, which the forward pass writes and the backward pass reads:
 * per image: scale[channels], shift[channels] (y = x·scale + shift), mean[groups], 1/deviation[groups]. */
size_t df_norm_stats   (const df_norm *norm);
size_t df_norm_scratch (const df_norm *norm);

/* x2: NULL, or the channels from norm->first on, which then lie apart from x's (a concatenation that was never made). */
void df_norm_forward  (const df_ops *ops, const df_norm *norm, const float *x, const float *x2, const float *gamma,
                       const float *beta, float *stats, float *y);
/* dx, dgamma, dbeta (+)= gradients. Each may be NULL. */
void df_norm_backward (const df_ops *ops, const df_norm *norm, const float *x, const float *gamma,
                       const float *stats, const float *dy, float *dx, bool add, float *dgamma, float *dbeta,
                       bool add_params);

void df_norm_reference (const df_norm *norm, const double *x, const double *gamma, const double *beta, double *y);

#endif
