/* SPDX-License-Identifier: GPL-3.0-or-later */
/* draw: see draw.h. */
#include "train/draw.h"

#include <math.h>
#include <Random123/philox.h>

static uint32_t
next_word (df_draw *draw)
{
  if (draw->left == 0)
    {
      philox4x32_key_t key     = { { draw->seed, 0x74726169 } };   /* "trai" */
      philox4x32_ctr_t counter = { { draw->block++, draw->step, draw->stream, 0 } };
      philox4x32_ctr_t words   = philox4x32 (counter, key);

      for (int i = 0; i < 4; i++)
        draw->words[i] = words.v[i];
      draw->left = 4;
    }
  return draw->words[--draw->left];
}

df_draw
df_draw_start (uint32_t seed, uint32_t step, df_stream stream)
{
  return (df_draw) { .seed = seed, .step = step, .stream = (uint32_t) stream };
}

double
df_draw_uniform (df_draw *draw)
{
  return (double) next_word (draw) * 0x1p-32;
}

uint32_t
df_draw_below (df_draw *draw, uint32_t n)
{
  return (uint32_t) (((uint64_t) next_word (draw) * n) >> 32);
}

/* Box-Muller on pairs of words. */
void
df_draw_normal (df_draw *draw, float *out, size_t n)
{
  for (size_t i = 0; i < n; i += 2)
    {
      float r     = sqrtf (-2.0f * logf ((float) ((next_word (draw) >> 8) + 0.5) * 0x1p-24f));
      float angle = 6.2831853f * (float) (next_word (draw) >> 8) * 0x1p-24f;

      out[i] = r * cosf (angle);
      if (i + 1 < n)
        out[i + 1] = r * sinf (angle);
    }
}
