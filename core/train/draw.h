/* SPDX-License-Identifier: GPL-3.0-or-later */
/* draw: the random numbers of a training run. The nth number of a stream is a function of (seed, step, stream, n)
 * alone (Philox 4×32-10), so that a step number is all the state that a resumed run needs. */
#ifndef DF_TRAIN_DRAW_H
#define DF_TRAIN_DRAW_H

#include <stddef.h>
#include <stdint.h>

typedef enum df_stream { DF_STREAM_INIT, DF_STREAM_ROWS, DF_STREAM_NOISE, DF_STREAM_SIZE } df_stream;

typedef struct df_draw
{
  uint32_t seed, step, stream;
  uint32_t block;         /* next counter       */
  uint32_t words[4];
  int      left;          /* unused words       */
} df_draw;

df_draw  df_draw_start   (uint32_t seed, uint32_t step, df_stream stream);
double   df_draw_uniform (df_draw *draw);               /* [0, 1), 32 bits */
uint32_t df_draw_below   (df_draw *draw, uint32_t n);   /* 0 … n-1         */
void     df_draw_normal  (df_draw *draw, float *out, size_t n);

#endif
