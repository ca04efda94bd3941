/* SPDX-License-Identifier: GPL-3.0-or-later */
/* resample: see resample.h. Both directions are one of two moves, so that each gradient is the other's
 * forward with a factor: spread a pixel over four, or gather four into one. One tile is one small row. */
#include "ops/resample.h"

typedef struct move
{
  const df_image *image;
  const float    *from;
  float          *to;
  float           factor;
  bool            add;
} move;

static size_t
large_at (const df_image *image, size_t row, int x, int corner)
{
  size_t width = 2 * (size_t) image->width;

  return ((2 * row + (size_t) (corner / 2)) * width + 2 * (size_t) x + (size_t) (corner % 2)) *
         (size_t) image->channels;
}

static void
spread_row (void *ctx, size_t row, int worker)
{
  const move *m = ctx;
  size_t      c = (size_t) m->image->channels;

  (void) worker;
  for (int x = 0; x < m->image->width; x++)
    for (int corner = 0; corner < 4; corner++)
      {
        const float *from = m->from + (row * (size_t) m->image->width + (size_t) x) * c;
        float       *to   = m->to + large_at (m->image, row, x, corner);

        for (size_t i = 0; i < c; i++)
          to[i] = (m->add ? to[i] : 0.0f) + from[i] * m->factor;
      }
}

static void
gather_row (void *ctx, size_t row, int worker)
{
  const move *m = ctx;
  size_t      c = (size_t) m->image->channels;

  (void) worker;
  for (int x = 0; x < m->image->width; x++)
    {
      const float *a = m->from + large_at (m->image, row, x, 0), *b = m->from + large_at (m->image, row, x, 1);
      const float *d = m->from + large_at (m->image, row, x, 2), *e = m->from + large_at (m->image, row, x, 3);
      float       *to = m->to + (row * (size_t) m->image->width + (size_t) x) * c;

      for (size_t i = 0; i < c; i++)
        to[i] = (m->add ? to[i] : 0.0f) + (a[i] + b[i] + d[i] + e[i]) * m->factor;
    }
}

static void
run_move (const df_ops *ops, const df_image *small, df_tile_fn fn, const float *from, float *to, float factor,
          bool add)
{
  move m = { small, from, to, factor, add };

  df_pool_run (ops->pool, (size_t) small->batch * (size_t) small->height, fn, &m);
}

void
df_upsample (const df_ops *ops, const df_image *small, const float *x, float *y)
{
  run_move (ops, small, spread_row, x, y, 1.0f, false);
}

void
df_upsample_back (const df_ops *ops, const df_image *small, const float *dy, float *dx, bool add)
{
  run_move (ops, small, gather_row, dy, dx, 1.0f, add);
}

void
df_avgpool (const df_ops *ops, const df_image *small, const float *x, float *y)
{
  run_move (ops, small, gather_row, x, y, 0.25f, false);
}

void
df_avgpool_back (const df_ops *ops, const df_image *small, const float *dy, float *dx, bool add)
{
  run_move (ops, small, spread_row, dy, dx, 0.25f, add);
}

void
df_upsample_reference (const df_image *small, const double *x, double *y)
{
  for (size_t row = 0; row < (size_t) small->batch * (size_t) small->height; row++)
    for (int at = 0; at < small->width; at++)
      for (int corner = 0; corner < 4; corner++)
        for (int c = 0; c < small->channels; c++)
          y[large_at (small, row, at, corner) + (size_t) c] =
            x[(row * (size_t) small->width + (size_t) at) * (size_t) small->channels + (size_t) c];
}

void
df_avgpool_reference (const df_image *small, const double *x, double *y)
{
  for (size_t row = 0; row < (size_t) small->batch * (size_t) small->height; row++)
    for (int at = 0; at < small->width; at++)
      for (int c = 0; c < small->channels; c++, y++)
        {
          *y = 0.0;
          for (int corner = 0; corner < 4; corner++)
            *y += 0.25 * x[large_at (small, row, at, corner) + (size_t) c];
        }
}
