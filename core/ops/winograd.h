/* SPDX-License-Identifier: GPL-3.0-or-later */
/* winograd: 3×3 convolutions of stride 1 as F(2×2, 3×3) or F(4×4, 3×3): tiles of the picture are transformed, each of
 * the n² positions is a product of matrices [tiles × in]·[in × out], the results are transformed back. 2.25 and 4
 * times fewer multiplications than the direct sum. conv.c decides when; the arguments are those of conv.h.
 * Packed weights: [n² positions][panel of nr outputs][in][nr]. */
#ifndef DF_OPS_WINOGRAD_H
#define DF_OPS_WINOGRAD_H

#include "ops/conv.h"

size_t df_winograd_packed_floats (const df_kernels *k, df_conv_algo algo, int in, int out);
void   df_winograd_pack          (const df_kernels *k, df_conv_algo algo, const float *w, df_conv_layout layout, int in,
                                  int out, bool backward, float *packed);

size_t df_winograd_scratch       (const df_kernels *k, const df_conv *conv, int threads);
void   df_winograd_forward       (const df_ops *ops, const df_conv *conv, const df_conv_io *io, bool add);

size_t df_winograd_weights_scratch (const df_kernels *k, const df_conv *conv);
void   df_winograd_back_weights    (const df_ops *ops, const df_conv *conv, const float *x, const float *dy, float *dw,
                                    bool add);

#endif
