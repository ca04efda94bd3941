/* SPDX-License-Identifier: GPL-3.0-or-later */
/* slerp: interpolation on the sphere where Gaussian noise lives (Shoemake 1985; Song 2021, §5.3). */
#include "diffusion.h"

#include <math.h>

void
df_slerp (const float *a, const float *b, double weight, size_t n, float *out)
{
  double ab = 0.0, aa = 0.0, bb = 0.0, angle, wa = 1.0 - weight, wb = weight;

  for (size_t i = 0; i < n; i++)
    {
      ab += (double) a[i] * b[i];
      aa += (double) a[i] * a[i];
      bb += (double) b[i] * b[i];
    }
  angle = aa > 0.0 && bb > 0.0 ? acos (fmin (fmax (ab / sqrt (aa * bb), -1.0), 1.0)) : 0.0;
  if (sin (angle) > 1e-6)
    {
      wa = sin ((1.0 - weight) * angle) / sin (angle);
      wb = sin (weight * angle) / sin (angle);
    }
  for (size_t i = 0; i < n; i++)
    out[i] = (float) (wa * a[i] + wb * b[i]);
}
