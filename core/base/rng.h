/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rng: noise. Philox: a function of (seed, transition, x, y, channel) and nothing else, the same bits on every
 * machine. Torch: the stream of torch.Generator ('cpu'), for comparisons with diffusers (core.md C15). */
#ifndef DF_BASE_RNG_H
#define DF_BASE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct df_noise_field
{
  uint32_t seed;
  uint32_t transition;           /* k: 0 for x_T and the noise of q(x_t|x_0), n for the nth transition  */
  int      origin_x, origin_y;   /* picture coordinates of the first pixel, any sign                    */
  int      period_x, period_y;   /* > 0: coordinates are taken modulo this (tileable axes)              */
} df_noise_field;

/* out [height,width,channels] = standard normal noise. Philox 4×32-10 (Salmon 2011) with key (seed, 0x67646e31) and
 * counter (x, y, k, ⌊c/4⌋); u = ((w ≫ 9) + ½)·2⁻²³; Box-Muller on words (0,1) and (2,3). */
void df_noise_fill (const df_noise_field *field, int width, int height, int channels, float *out);

typedef struct df_torch_rng
{
  uint32_t state[624];
  int      next;
  bool     has_cached;           /* a second value of the scalar Box-Muller */
  double   cached;
} df_torch_rng;

void df_torch_seed  (df_torch_rng *rng, uint64_t seed);
void df_torch_randn (df_torch_rng *rng, float *out, size_t n);   /* one torch.randn (n) */

#endif
