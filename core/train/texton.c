/* SPDX-License-Identifier: GPL-3.0-or-later */
/* texton: of the one picture that was learned: its middle less its mean, fading to the edges. */
#include "train/trainer.h"

#include "base/alloc.h"

#include <math.h>

/* The weight of a pixel: 0 where it was left out. */
static double
weight_at (const df_prepared *p, const df_texton *k, int x, int y)
{
  size_t at = (size_t) (y + (p->height - k->height) / 2) * (size_t) p->width + (size_t) (x + (p->width - k->width) / 2);

  return p->keep != NULL && !p->keep[at] ? 0.0 : df_texton_window (x, k->width) * df_texton_window (y, k->height);
}

static const float *
pixel_at (const df_prepared *p, const df_texton *k, int x, int y)
{
  size_t at = (size_t) (y + (p->height - k->height) / 2) * (size_t) p->width + (size_t) (x + (p->width - k->width) / 2);

  return p->pixels + at * (size_t) k->channels;
}

/* Weighted means; returns the sum of the squared weights. */
static double
take_mean (const df_prepared *p, df_texton *k)
{
  double sums[4] = { 0.0 }, total = 0.0, squares = 0.0;

  for (int y = 0; y < k->height; y++)
    for (int x = 0; x < k->width; x++)
      {
        double       w = weight_at (p, k, x, y);
        const float *v = pixel_at (p, k, x, y);

        for (int c = 0; c < k->channels; c++)
          sums[c] += w * v[c];
        total   += w;
        squares += w * w;
      }
  for (int c = 0; c < k->channels; c++)
    k->mean[c] = total > 0.0 ? (float) (sums[c] / total) : 0.0f;
  return squares;
}

df_status
df_texton_make (const df_prepared *p, int channels, df_texton *out, df_error *err)
{
  double squares;
  float *at;

  *out = (df_texton) { .width  = p->width < DF_TEXTON_SIDE ? p->width : DF_TEXTON_SIDE,
                       .height = p->height < DF_TEXTON_SIDE ? p->height : DF_TEXTON_SIDE, .channels = channels };
  at = out->kernel = df_alloc ((size_t) out->width * (size_t) out->height * (size_t) channels, sizeof *out->kernel);
  if (at == NULL)
    return df_trainer_no_memory (err);
  squares = take_mean (p, out);
  for (int y = 0; y < out->height; y++)
    for (int x = 0; x < out->width; x++, at += channels)
      for (int c = 0; c < channels && squares > 0.0; c++)
        at[c] = (float) (weight_at (p, out, x, y) * (pixel_at (p, out, x, y)[c] - out->mean[c]) / sqrt (squares));
  return DF_OK;
}
