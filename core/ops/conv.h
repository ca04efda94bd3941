/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conv: 3×3 and 1×1 convolution, stride 1 or 2, zero or circular padding, nearest ×2 upsampling folded in.
 * A linear layer is the 1×1 case. The input is copied once with its border (the halo), then every output tile
 * is one sum over (ky, kx, ci); or by Winograd's method (`algo`). Padding at stride 2: symmetric 1, or right and bottom only (core.md fact 5).
 * Packed weights, direct: [panel of nr outputs][ky][kx][in][nr], columns beyond `out` are 0. */
#ifndef DF_OPS_CONV_H
#define DF_OPS_CONV_H

#include "ops/ops.h"

/* How it is computed. DIRECT is one sum over (ky, kx, in); F2 and F4 see winograd.h. */
typedef enum df_conv_algo { DF_CONV_DIRECT, DF_CONV_F2, DF_CONV_F4 } df_conv_algo;

typedef struct df_conv
{
  int  batch, height, width;   /* of x, before upsampling                           */
  int  in, out;                /* channels                                          */
  int  kernel;                 /* 1 or 3                                            */
  int  stride;                 /* 1 or 2 (3×3 only; even sides)                     */
  bool pad_end;                /* stride 2: pad right and bottom only               */
  bool upsample;               /* nearest ×2 before the convolution (3×3, stride 1) */
  bool tile_x, tile_y;         /* circular padding                                  */
  df_conv_algo algo;           /* F2, F4: 3×3 of stride 1 only                      */
  int  first;                  /* 1×1 with an x2: channels of x                     */
} df_conv;

/* The fastest algorithm for this shape, from shape and instruction set alone, never from the batch: a picture is the
 * same whether it comes alone or with others. The table is the result of tests/bench/conv_table.c. */
df_conv_algo df_conv_choose (const df_kernels *k, const df_conv *conv);

int    df_conv_out_height (const df_conv *conv);
int    df_conv_out_width  (const df_conv *conv);
double df_conv_flops      (const df_conv *conv);   /* 2·MAC, without border savings */

/* Where element (o, i, ky, kx) of a weight lies: data[o·so + i·si + ky·sy + kx·sx]. */
typedef struct df_conv_layout { ptrdiff_t so, si, sy, sx; } df_conv_layout;

df_conv_layout df_conv_oihw (int in, int kernel);          /* model files [O,I,kh,kw]         */
df_conv_layout df_conv_hwio (int in, int out, int kernel); /* trainer and gradients [kh,kw,I,O] */

size_t df_conv_packed_floats (const df_kernels *k, df_conv_algo algo, int in, int out, int kernel);
/* For the forward pass; `backward`: flipped and transposed, for df_conv_back_data. */
void   df_conv_pack (const df_kernels *k, df_conv_algo algo, const float *w, df_conv_layout layout, int in, int out,
                     int kernel, bool backward, float *packed);

size_t df_conv_scratch (const df_kernels *k, const df_conv *conv, int threads);        /* forward             */
size_t df_conv_back_scratch (const df_kernels *k, const df_conv *conv, int threads);   /* any of the backward */

typedef struct df_conv_io
{
  const float *x;              /* [batch,height,width,in]                       */
  const float *x2;             /* NULL, or (1×1, forward) the channels from conv->first on, apart from x's */
  const float *packed;
  const float *bias;           /* [out] or NULL                                 */
  const float *row;            /* [batch,out] added to every pixel, or NULL     */
  const float *residual;       /* like y, added, or NULL                        */
  float        scale;          /* of the whole sum; 1 = none                    */
  float       *y;              /* [batch,out height,out width,out]              */
} df_conv_io;

void df_conv_forward      (const df_ops *ops, const df_conv *conv, const df_conv_io *io);
/* dx (+)= gradient by x, from dy [batch,out height,out width,out] and backward-packed weights. */
void df_conv_back_data    (const df_ops *ops, const df_conv *conv, const float *dy, const float *packed,
                           float *dx, bool add);
/* dw (+)= gradient by the weights, layout HWIO. */
void df_conv_back_weights (const df_ops *ops, const df_conv *conv, const float *x, const float *dy,
                           float *dw, bool add);

/* w in OIHW. y = conv (x) + bias. */
void df_conv_reference (const df_conv *conv, const double *x, const double *w, const double *bias, double *y);

#endif
