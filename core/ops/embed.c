/* SPDX-License-Identifier: GPL-3.0-or-later */
/* embed: see embed.h. */
#include "ops/embed.h"

#include <math.h>
#include <string.h>

void
df_time_embedding (const double *t, int batch, int channels, double shift, bool flip, float *out)
{
  int half = channels / 2;

  for (int n = 0; n < batch; n++, out += channels)
    for (int i = 0; i < half; i++)
      {
        float exponent = (float) (-log (10000.0)) * (float) i / (float) (half - shift);
        float angle    = (float) t[n] * expf (exponent);

        out[flip ? half + i : i] = sinf (angle);
        out[flip ? i : half + i] = cosf (angle);
      }
}

void
df_class_embedding (const float *x, const float *table, const int *labels, int batch, int channels, float *y)
{
  for (int n = 0; n < batch; n++)
    for (int c = 0; c < channels; c++)
      y[n * channels + c] = x[n * channels + c] + table[(size_t) labels[n] * (size_t) channels + (size_t) c];
}

void
df_class_embedding_backward (const float *dy, const int *labels, int batch, int channels, int rows,
                             float *dtable, bool add)
{
  if (!add)
    memset (dtable, 0, (size_t) rows * (size_t) channels * sizeof *dtable);
  for (int n = 0; n < batch; n++)
    for (int c = 0; c < channels; c++)
      dtable[(size_t) labels[n] * (size_t) channels + (size_t) c] += dy[n * channels + c];
}
