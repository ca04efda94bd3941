/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ddpm: coefficients of the posterior step (Ho 2020; diffusers scheduling_ddpm.py step). Trap: with `compat` noise is
 * added whenever t > 0, even when the clean picture follows, and β is recovered as 1 - ᾱ_t/ᾱ_p in float32,
 * whose rounding near t = 0 is part of the number (core.md facts 3 and 9). */
#include "process/step.h"

#include <math.h>

static df_coefs
compat_coefs (const df_transition *at, df_variance variance)
{
  float a = (float) at->abar, ap = (float) at->abar_prev, b = 1.0f - a, bp = 1.0f - ap, ca = a / ap, cb = 1.0f - ca;
  float v = fmaxf (bp / b * cb, 1e-20f);
  float sigma = variance == DF_VARIANCE_FIXED_LARGE ? sqrtf (cb) : sqrtf (v);

  return (df_coefs) { .x0 = sqrtf (ap) * cb / b, .x = sqrtf (ca) * bp / b, .noise = at->t > 0 ? sigma : 0.0f,
                      .noise_known = at->t > 0 ? sqrtf (v) : 0.0f, .sqrt_abar = sqrtf (a), .sqrt_1_abar = sqrtf (b) };
}

df_coefs
df_ddpm_coefs (const df_transition *at, df_variance variance)
{
  double a = at->abar, ap = at->abar_prev, b = 1.0 - a, bp = 1.0 - ap, ca = a / ap, cb = 1.0 - ca;
  double small = sqrt (bp / b * cb), sigma = variance == DF_VARIANCE_FIXED_LARGE ? sqrt (cb) : small;

  if (at->compat)
    return compat_coefs (at, variance);
  return (df_coefs) { .x0 = (float) (sqrt (ap) * cb / b), .x = (float) (sqrt (ca) * bp / b),
                      .noise = at->last ? 0.0f : (float) sigma, .noise_known = at->last ? 0.0f : (float) small,
                      .sqrt_abar = (float) sqrt (a), .sqrt_1_abar = (float) sqrt (b) };
}
