/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kernels: what is written per instruction set. isa.c is compiled once for each; the table of the best one
 * that the CPU has is chosen at run time. Law of bit identity: every output element is one accumulation in a
 * fixed order over K, whatever tile, row count, batch or thread it is computed in, and element-wise
 * functions use the same vector code for whole vectors and for the last, partial one. */
#ifndef DF_KERNELS_KERNELS_H
#define DF_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#define DF_MAX_MR 16   /* no table has more rows in a tile   */
#define DF_MAX_NR 32   /* nor more columns                   */
#define DF_SLACK  64   /* floats that may be read (never used) behind any operand of a tile */

#define DF_FEW 4       /* blocks of mr rows: more of them hide the way of their operand from the memory by themselves */

/* What a later call reads, brought into the cache while this one computes: from `start` on, `step` bytes with each
 * term of the sum. NULL: nothing. Nothing depends on it but time, so it may point behind the end of an array. */
typedef struct df_ahead
{
  const char *start;
  ptrdiff_t   step;
} df_ahead;

/* One tile of a sum of products over `segs` segments of `k` terms:
 *   v[m][n] = Σ_s Σ_k a[m][a_seg[s] + k·a_k] · b[b_seg[s] + k·b_k + n]      (order: s, then k)
 * then, if given,  v += bias[n]; v += row[m][n]; v += residual[m][n]; v *= scale;  c[m][n] = v.
 * `add` starts the sum from c instead of 0. Reads up to nr columns of b, writes n of c. */
typedef struct df_tile
{
  int                 m, n;            /* 1 … mr, 1 … nr                                     */
  int                 segs, k;
  const float *const *a;               /* [m]                                                */
  const ptrdiff_t    *a_seg;           /* [segs]                                             */
  ptrdiff_t           a_k;
  const float        *b;
  const ptrdiff_t    *b_seg;           /* [segs]                                             */
  ptrdiff_t           b_k;
  float *const       *c;               /* [m]                                                */
  bool                add;
  const float        *bias;            /* [n] or NULL                                        */
  const float *const *row;             /* [m] pointers to [n], or NULL                       */
  const float *const *residual;        /* [m] pointers to [n], or NULL                       */
  float               scale;           /* 1 = none                                           */
  df_ahead            ahead;
} df_tile;

/* What happens to the sum of one output tile of a Winograd convolution; the order is that of df_tile. */
typedef struct df_winograd_end
{
  bool                add;             /* y += instead of y =                                */
  const float        *bias, *row;      /* [channels] or NULL                                 */
  const float *const *residual;        /* [m·m] pointers like y, or NULL                     */
  float               scale;           /* 1 = none                                           */
  float *const       *y;               /* [m·m] pixels; NULL beyond the picture's edge       */
} df_winograd_end;

/* The transforms of F(m×m, 3×3) on NHWC data (Lavin & Gray 2016; Toom–Cook points 0, ±1, ∞ for m = 2 and 0, ±5/8,
 * ±3/2, ∞ for m = 4): y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A. n = m + 2; position p = n·row + column lies at p·stride. */
typedef struct df_winograd
{
  int m, n;
  /* v[p] = Bᵀ d B; d: [n·n] pixels */
  void (*input)   (const float *const *d, int channels, float *v, size_t stride);
  /* y = Aᵀ s A, and what follows */
  void (*output)  (const float *s, size_t stride, int channels, const df_winograd_end *end);
  /* v[p] = A y Aᵀ, the transpose of output; y: [m·m] pixels */
  void (*spread)  (const float *const *y, int channels, float *v, size_t stride);
  /* u[p] = G g Gᵀ; g: [9][count] */
  void (*weights) (const float *g, int count, float *u, size_t stride);
  /* g (+)= Gᵀ u G, the transpose of weights; tap t of g lies at t·g_stride */
  void (*weights_back) (const float *u, size_t stride, int count, float *g, size_t g_stride, bool add);
} df_winograd;

typedef struct df_adamw
{
  float lr, beta1, beta2, eps, decay;  /* decay: lr·weight_decay, decoupled                  */
  float correct1, correct2;            /* 1/(1-β1ⁿ), 1/(1-β2ⁿ)                               */
  float grad_scale;                    /* from clipping by global norm                       */
  float ema;                           /* decay of the moving average                        */
} df_adamw;

typedef struct df_kernels
{
  int mr, nr;
  const df_winograd *f2, *f4;

  void (*tile) (const df_tile *tile);
  /* c[rows][nr] = a[rows][k]·b[k][nr], rows of a and c a_stride and c_stride floats apart. next: the b of a later
   * call, brought into the cache meanwhile. */
  void (*product) (const float *a, size_t a_stride, const float *b, float *c, size_t c_stride, size_t rows, int k,
                   const float *next);

  /* y = x·sigmoid(x); dx (+)= dy·silu'(x). y may be x, dx may be dy. */
  void (*silu)      (const float *x, float *y, size_t n);
  void (*silu_back) (const float *x, const float *dy, float *dx, size_t n, bool add);

  /* Per-channel sums over pixels of NHWC data, added to s1, s2 [channels]:
   * norm_sums: Σx, Σx². back_sums: with z = x·scale + shift and dz = dy or, if silu, dy·silu'(z): Σdz, Σdz·x. */
  void (*norm_sums) (const float *x, size_t pixels, int channels, double *s1, double *s2);
  void (*back_sums) (const float *x, const float *dy, size_t pixels, int channels, const float *scale,
                     const float *shift, bool silu, double *s1, double *s2);
  /* y = x·scale[c] + shift[c], then SiLU if asked; pixels of y lie y_stride floats apart. */
  void (*norm_apply) (const float *x, float *y, size_t y_stride, size_t pixels, int channels, const float *scale,
                      const float *shift, bool silu);
  /* dx (+)= p[c]·dz + q[c]·x + r[c], dz as in back_sums. */
  void (*norm_back)  (const float *x, const float *dy, float *dx, size_t pixels, int channels,
                      const float *scale, const float *shift, bool silu, const float *p, const float *q,
                      const float *r, bool add);

  /* Row in place: x ← exp(scale·x - max); returns Σ. */
  float (*exp_row) (float *x, size_t n, float scale);

  /* y (+)= a·x. */
  void (*axpy) (const float *x, float a, float *y, size_t n, bool add);
  /* Σx² in double, fixed order. */
  double (*sum_squares) (const float *x, size_t n);
  /* One step of AdamW and of the moving average over n parameters (Loshchilov & Hutter 2019, alg. 2). */
  void (*adamw) (const df_adamw *step, const float *grad, float *w, float *m1, float *m2, float *ema, size_t n);
} df_kernels;

const df_kernels *df_kernels_get (void);   /* the table for df_cpu_isa () */

#endif
