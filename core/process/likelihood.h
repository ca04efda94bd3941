/* SPDX-License-Identifier: GPL-3.0-or-later */
/* likelihood: the terms of the variational bound (Ho 2020, eq. 5) as pure functions, where what the network says is an
 * argument, and one term with a network. The pure ones are in double and in nats. t is diffusers' index: the term at t is
 * the paper's L_{t-1} with its t one larger, so that L_0 stands at t = 0.
 *
 * The posterior mean is linear in x_0 (eq. 7), so every term is a multiple of ‖x_0 - x̂_0‖², and by x_t = √ᾱ·x_0 + √(1-ᾱ)·ε
 * of ‖ε - ε̂‖² (eq. 12). Trap: β recovered from float32 ᾱ is wrong by 6e-4 at t = 0; ᾱ is multiplied anew here. */
#ifndef DF_PROCESS_LIKELIHOOD_H
#define DF_PROCESS_LIKELIHOOD_H

#include "process/sampler.h"

typedef struct df_bound_level
{
  double beta, abar, abar_prev;
  double variance[2];      /* of the reverse step, by df_variance: fixed_small β̃_t, fixed_large β_t. β̃_0 is 0, and the */
                           /* next one takes its place, as in the authors' code                                      */
} df_bound_level;

df_bound_level df_bound_level_at (const df_schedule *schedule, int t);

/* t ≥ 1: KL (q(x_p|x_t,x_0) ‖ p_θ) = weight·‖ε - ε̂‖² + constant per value (eq. 8 and 12); the constant is 0 where
 * the variance is β̃_t. The weight is ∞ where ᾱ_t is 0 (there ε̂ tells nothing of x_0). */
double df_bound_weight   (const df_bound_level *level, df_variance variance);
double df_bound_constant (const df_bound_level *level, df_variance variance);

/* One evaluation: x0, noise, output [n]; output is the raw network at x_t = √ᾱ·x0 + √(1-ᾱ)·noise. */
typedef struct df_bound_io
{
  const float  *x0, *noise, *output;
  size_t        n;
  df_prediction prediction;
  double        clip_range;      /* x̂_0 is clipped to it; 0: not at all */
} df_bound_io;

/* Σ (x_0 - x̂_0)², and the same as Σ (ε - ε̂)². */
double df_bound_error     (const df_bound_level *level, const df_bound_io *io);
double df_bound_eps_error (const df_bound_level *level, double error);
/* Σ of the KL, from the first of these; t ≥ 1. */
double df_bound_kl        (const df_bound_level *level, df_variance variance, double error, size_t n);
/* L_0, Σ -log p_θ(x_0|x_1), t = 0: the mass of N (x̂_0, σ²) in the bin of an 8-bit value (eq. 13); the bins at -1 and 1
 * reach to infinity. */
double df_bound_decoder   (const df_bound_level *level, df_variance variance, const df_bound_io *io);
/* L_T, Σ KL (q(x_T|x_0) ‖ N (0, 1)). */
double df_bound_prior     (double abar, const float *x0, size_t n);

/* One term of the rows of x0 [n] with the network: the public df_likelihood_term. Uses the run's own buffers. */
DF_CHECKED df_status df_bound_measure (df_sampler_state *state, df_evaluator *evaluator, const float *x0,
                                       const int *labels, int t, uint64_t seed, const df_progress *progress,
                                       df_bound_term *out, df_error *err);

#endif
