/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sampler: the state of one run between its steps, and the one loop body for every sampler: evaluate → coefficients →
 * step. A solver that looks back finds the last predictions here. */
#ifndef DF_PROCESS_SAMPLER_H
#define DF_PROCESS_SAMPLER_H

#include "base/rng.h"
#include "process/evaluator.h"
#include "process/schedule.h"
#include "process/timesteps.h"

#define DF_HISTORY 3

typedef struct df_sampler_state
{
  const df_model *model;
  df_request      request;      /* its lists are owned by the session            */
  df_schedule     schedule;
  df_timesteps    steps;
  size_t          row, n;       /* floats of a picture, of the batch             */
  float          *x;            /* the canvas x_t [n]                            */
  float          *next;         /* x_p while a step is made; scratch of noise [n] */
  float          *output;       /* of the network [n]                            */
  float          *z;            /* noise [n]                                     */
  float          *known;        /* true x_0 [n]                                  */
  float          *selection;    /* [height·width], NULL when all is 1            */
  float          *w;            /* release of each pixel in this step, for the whole batch */
  float          *history[DF_HISTORY];   /* x̃_0 of the last steps, newest first [n] */
  int             step;         /* whole steps done                              */
  uint64_t        seed;
  df_torch_rng    torch;
  bool            masked;
} df_sampler_state;

/* Bytes of the buffers. */
size_t               df_sampler_bytes (const df_model *model, const df_request *request);
DF_CHECKED df_status df_sampler_new   (df_sampler_state *out, const df_model *model, const df_request *request,
                                       df_error *err);
void                 df_sampler_clear (df_sampler_state *state);

/* x_T, or x_t of x_0, or x_0 itself to be encoded. Errors: ARGUMENT (x0 missing). */
DF_CHECKED df_status df_sampler_begin (df_sampler_state *state, const df_input *input, df_error *err);
/* One transition. On any error, CANCELLED included, the state stays at the last whole step. */
DF_CHECKED df_status df_sampler_step  (df_sampler_state *state, df_evaluator *evaluator, const df_progress *progress,
                                       df_error *err);

/* Noise of transition k for the whole batch: philox rows have seeds seed, seed+1, …; torch continues its stream, and
 * needs a scratch as large as out. */
void df_batch_noise (const df_request *request, int channels, uint64_t seed, uint32_t k, df_torch_rng *torch,
                     float *scratch, float *out);

#endif
