/* SPDX-License-Identifier: GPL-3.0-or-later */
/* step: one transition x_t → x_p as a pure function: DDPM and DDIM only compute coefficients, df_step_apply combines
 * arrays. The noise is an argument. */
#ifndef DF_PROCESS_STEP_H
#define DF_PROCESS_STEP_H

#include "process/schedule.h"

/* What is known of a transition before its coefficients: levels as float32 tables have them. */
typedef struct df_transition
{
  int    t, prev;             /* prev -1: the clean picture                               */
  double abar, abar_prev;     /* ᾱ_t; ᾱ_p, 1 at -1 (or ᾱ_0, where a scheduler says so)    */
  bool   last;                /* the clean picture follows: no noise                      */
  bool   compat;              /* float32 in diffusers' order of operations, and its noise rule */
} df_transition;

/* x_p = x0·x̂_0 + x·x_t + eps·ε + noise·z. For a pixel known to the degree 1-w (edge noise-level) the
 * noise is w·noise + (1-w)·noise_known. */
typedef struct df_coefs
{
  float x0, x, eps;
  float noise, noise_known;
  float sqrt_abar, sqrt_1_abar;
} df_coefs;

/* Ho 2020, eq. 6 and 7: mean μ̃_t; variance β̃_t (fixed_small) or 1 - ᾱ_t/ᾱ_p (fixed_large, β_t for p = t-1). */
df_coefs df_ddpm_coefs (const df_transition *at, df_variance variance);
/* Song 2021, eq. 12 and 16: σ = η·√((1-ᾱ_p)/(1-ᾱ_t)·(1-ᾱ_t/ᾱ_p)); sigma_hat: direction of η = 1, noise σ̂ = √(1-ᾱ_t/ᾱ_p). */
df_coefs df_ddim_coefs (const df_transition *at, double eta, bool sigma_hat);
/* The same with σ given; 0 ≤ σ² ≤ 1-ᾱ_p. */
df_coefs df_sigma_coefs (const df_transition *at, double sigma);

typedef struct df_step_io
{
  const float  *x;            /* x_t, [n]                                                 */
  const float  *output;       /* of the network, [n]                                      */
  const float  *z;            /* noise [n], or NULL where no coefficient needs it         */
  const float  *known;        /* true x_0 [n], or NULL                                    */
  const float  *w;            /* weight of x̂_0 per pixel [n / channels], with known       */
  size_t        n;
  int           channels;
  df_prediction prediction;
  df_clip       clip;
  double        clip_range;
  float        *x0;           /* out: x̃_0 [n], clipped and composed with what is known    */
  float        *out;          /* x_p [n]; may be x                                        */
} df_step_io;

void df_step_apply (const df_coefs *c, const df_step_io *io);

/* Release of a pixel with selection value s in the step t → p of a run from `start` (DESIGN §5): with τ = s·(start+1) - 1,
 * w = clamp ((τ - p)/(t - p), 0, 1). */
double df_release (double s, int start, int t, int prev);

/* x_t from x_0 and ε: √ᾱ·x_0 + √(1-ᾱ)·ε (Ho 2020, eq. 4). out may be x0. */
void df_noise_apply (double abar, const float *x0, const float *z, size_t n, float *out);

#endif
