/* SPDX-License-Identifier: GPL-3.0-or-later */
/* step: see step.h. Element-wise float32 in diffusers' order, so that equal coefficients give equal pictures. */
#include "process/step.h"

#include <math.h>

typedef struct pixel { float x0, eps; } pixel;

/* x̂_0 and ε from what the network predicts. */
static pixel
predicted (const df_coefs *c, df_prediction prediction, float x, float output)
{
  switch (prediction)
    {
    case DF_PREDICTION_V:
      return (pixel) { c->sqrt_abar * x - c->sqrt_1_abar * output, c->sqrt_abar * output + c->sqrt_1_abar * x };
    case DF_PREDICTION_SAMPLE:
      return (pixel) { output, (x - c->sqrt_abar * output) / c->sqrt_1_abar };
    default:
      return (pixel) { (x - c->sqrt_1_abar * output) / c->sqrt_abar, output };
    }
}

/* Written as comparisons, not fmin and fmax: a NaN must stay one and be seen. */
static float
clamped (float x, float range)
{
  return x > range ? range : x < -range ? -range : x;
}

void
df_step_apply (const df_coefs *c, const df_step_io *io)
{
  float range = (float) io->clip_range;

  for (size_t i = 0; i < io->n; i++)
    {
      pixel p     = predicted (c, io->prediction, io->x[i], io->output[i]);
      float noise = c->noise;

      if (io->clip != DF_CLIP_NONE)
        p.x0 = clamped (p.x0, range);
      if (io->clip == DF_CLIP_REDERIVE)
        p.eps = (io->x[i] - c->sqrt_abar * p.x0) / c->sqrt_1_abar;
      if (io->known != NULL)
        {
          float w = io->w[i / (size_t) io->channels];

          if (w < 1.0f)
            {
              p.x0  = io->known[i] + w * (p.x0 - io->known[i]);
              p.eps = (io->x[i] - c->sqrt_abar * p.x0) / c->sqrt_1_abar;
              noise = w * c->noise + (1.0f - w) * c->noise_known;
            }
        }
      io->x0[i]  = p.x0;
      io->out[i] = c->x0 * p.x0 + c->x * io->x[i] + c->eps * p.eps;
      if (noise != 0.0f)
        io->out[i] += noise * io->z[i];
    }
}

double
df_release (double s, int start, int t, int prev)
{
  double level = s * (start + 1.0) - 1.0;

  return fmin (fmax ((level - prev) / (t - prev), 0.0), 1.0);
}

void
df_noise_apply (double abar, const float *x0, const float *z, size_t n, float *out)
{
  float a = (float) abar, scale = sqrtf (a), sigma = sqrtf (1.0f - a);

  for (size_t i = 0; i < n; i++)
    out[i] = scale * x0[i] + sigma * z[i];
}
