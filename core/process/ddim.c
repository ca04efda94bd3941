/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ddim: coefficients of the non-Markovian step (Song 2021; diffusers scheduling_ddim.py step). Trap: 1 - ᾱ_p - σ² can
 * come out slightly negative and is clamped (core.md §1.1, #5969). */
#include "process/step.h"

#include <math.h>

static df_coefs
compat_coefs (const df_transition *at, float eta)
{
  float a = (float) at->abar, ap = (float) at->abar_prev, b = 1.0f - a, bp = 1.0f - ap;
  float v = bp / b * (1.0f - a / ap), sigma = eta * sqrtf (fmaxf (v, 0.0f));

  return (df_coefs) { .x0 = sqrtf (ap), .eps = sqrtf (fmaxf (1.0f - ap - sigma * sigma, 0.0f)), .noise = sigma,
                      .noise_known = sigma, .sqrt_abar = sqrtf (a), .sqrt_1_abar = sqrtf (b) };
}

df_coefs
df_sigma_coefs (const df_transition *at, double sigma)
{
  double ap = at->abar_prev, direction = sqrt (fmax (1.0 - ap - sigma * sigma, 0.0));

  return (df_coefs) { .x0 = (float) sqrt (ap), .eps = (float) direction, .noise = at->last ? 0.0f : (float) sigma,
                      .noise_known = at->last ? 0.0f : (float) sigma, .sqrt_abar = (float) sqrt (at->abar),
                      .sqrt_1_abar = (float) sqrt (1.0 - at->abar) };
}

df_coefs
df_ddim_coefs (const df_transition *at, double eta, bool sigma_hat)
{
  double   a = at->abar, ap = at->abar_prev, scale = sigma_hat ? 1.0 : eta;
  df_coefs c;

  if (at->compat && !sigma_hat)
    return compat_coefs (at, (float) eta);
  c = df_sigma_coefs (at, scale * sqrt (fmax ((1.0 - ap) / (1.0 - a) * (1.0 - a / ap), 0.0)));
  if (sigma_hat && !at->last)
    c.noise = (float) sqrt (fmax (1.0 - a / ap, 0.0));
  return c;
}
