/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pointwise: SiLU, sums, the two ways a time embedding enters a resnet, and joining channels. */
#ifndef DF_OPS_POINTWISE_H
#define DF_OPS_POINTWISE_H

#include "ops/ops.h"

/* n floats in all; tiles have a fixed size. */
void df_silu          (const df_ops *ops, const float *x, float *y, size_t n);
void df_silu_backward (const df_ops *ops, const float *x, const float *dy, float *dx, size_t n, bool add);
/* y = (a + b)·scale; b may be NULL: y = a·scale + offset. */
void df_add           (const df_ops *ops, const float *a, const float *b, float scale, float offset, float *y, size_t n);
/* y (+)= a·x. */
void df_axpy          (const df_ops *ops, const float *x, float a, float *y, size_t n, bool add);

typedef struct df_rows
{
  int    batch, channels;
  size_t pixels;          /* of one image */
} df_rows;

/* y = x + row[n]                                 (resnet_time_scale_shift "default") */
void df_add_row (const df_ops *ops, const df_rows *rows, const float *x, const float *row, float *y);
/* y = x·(1 + s[n]) + s[n + channels], s [batch, 2·channels]         ("scale_shift") */
void df_scale_shift (const df_ops *ops, const df_rows *rows, const float *x, const float *s, float *y);
/* dx (+)=, ds = gradients. Scratch: df_sums_scratch (batch, pixels, channels). */
void df_scale_shift_backward (const df_ops *ops, const df_rows *rows, const float *x, const float *s,
                              const float *dy, float *dx, bool add, float *ds, bool add_s);

/* y [pixels, ca + cb] = a [pixels, ca] | b [pixels, cb], over all images. */
void df_concat          (const df_ops *ops, size_t pixels, int ca, int cb, const float *a, const float *b, float *y);
void df_concat_backward (const df_ops *ops, size_t pixels, int ca, int cb, const float *dy, float *da, bool add_a,
                         float *db, bool add_b);

#endif
