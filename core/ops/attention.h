/* SPDX-License-Identifier: GPL-3.0-or-later */
/* attention: softmax (q·kᵀ/√d)·v per image and head (Vaswani 2017); heads are contiguous chunks of channels.
 * Only a block of rows of the score matrix exists at a time. */
#ifndef DF_OPS_ATTENTION_H
#define DF_OPS_ATTENTION_H

#include "ops/ops.h"

typedef struct df_attention
{
  int    batch, heads, dim;    /* channels = heads·dim */
  size_t pixels;
} df_attention;

size_t df_attention_scratch      (const df_kernels *k, const df_attention *a, int threads);
size_t df_attention_back_scratch (const df_kernels *k, const df_attention *a, int threads);

/* q, k, v, y: [batch,pixels,heads·dim]. */
void df_attention_forward  (const df_ops *ops, const df_attention *a, const float *q, const float *k,
                            const float *v, float *y);
/* dq, dk, dv = gradients (written, not added). */
void df_attention_backward (const df_ops *ops, const df_attention *a, const float *q, const float *k,
                            const float *v, const float *dy, float *dq, float *dk, float *dv);

void df_attention_reference (const df_attention *a, const double *q, const double *k, const double *v, double *y);

#endif
