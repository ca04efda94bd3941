/* SPDX-License-Identifier: GPL-3.0-or-later */
/* loss: L_simple = E‖ε - ε_θ(x_t, t)‖² (Ho 2020, eq. 14), its v form (Salimans & Ho 2022, v = √ᾱ·ε - √(1-ᾱ)·x_0) and
 * its x_0 form, with the Min-SNR-γ weight (Hang 2023) when γ > 0; mean over all elements of the batch but for a
 * margin. */
#include "train/trainer.h"

#include <math.h>

void
df_loss_noise (const df_schedule *schedule, const df_batch *batch, size_t row, float *x)
{
  for (int i = 0; i < batch->rows; i++)
    {
      double abar = df_schedule_abar (schedule, batch->t[i]);
      float  a = (float) sqrt (abar), s = (float) sqrt (1.0 - abar);

      for (size_t j = (size_t) i * row; j < ((size_t) i + 1) * row; j++)
        x[j] = a * batch->x0[j] + s * batch->noise[j];
    }
}

static double
weight_at (df_prediction prediction, double abar, double gamma)
{
  double snr = abar / (1.0 - abar), least = fmin (snr, gamma);

  if (gamma <= 0.0)
    return 1.0;
  if (prediction == DF_PREDICTION_EPSILON)
    return least / snr;
  return prediction == DF_PREDICTION_V ? least / (snr + 1.0) : least;
}

/* Whether element j of a picture lies within the margin. */
static bool
left_out (const df_batch *b, size_t j, size_t channels)
{
  size_t w = (size_t) b->width, h = (size_t) b->height, m = (size_t) b->margin;
  size_t x = j / channels % w, y = j / channels / w;

  return x < m || y < m || x >= w - m || y >= h - m;
}

double
df_loss_gradient (const df_schedule *schedule, df_prediction prediction, double min_snr_gamma,
                  const df_batch *batch, size_t row, const float *y, float *dy)
{
  size_t w = (size_t) batch->width, h = (size_t) batch->height, m = (size_t) batch->margin, channels = row / (w * h);
  double n = (double) batch->rows * (double) ((w - 2 * m) * (h - 2 * m) * channels), loss = 0.0;

  for (int i = 0; i < batch->rows; i++)
    {
      double abar   = df_schedule_abar (schedule, batch->t[i]);
      double weight = weight_at (prediction, abar, min_snr_gamma);
      float  a = (float) sqrt (abar), s = (float) sqrt (1.0 - abar);
      size_t first = (size_t) i * row;

      for (size_t j = first; j < first + row; j++)
        {
          float target = prediction == DF_PREDICTION_EPSILON ? batch->noise[j]
                         : prediction == DF_PREDICTION_V     ? a * batch->noise[j] - s * batch->x0[j]
                                                             : batch->x0[j];
          float d = batch->margin > 0 && left_out (batch, j - first, channels) ? 0.0f : y[j] - target;

          loss += weight * (double) d * (double) d / n;
          dy[j] = (float) (2.0 * weight / n) * d;
        }
    }
  return loss;
}
