/* SPDX-License-Identifier: GPL-3.0-or-later */
/* evaluator: (canvas, t) → prediction. The one place where guidance lives (and later windows); the sampler loop knows
 * nothing of either. */
#ifndef DF_PROCESS_EVALUATOR_H
#define DF_PROCESS_EVALUATOR_H

#include "net/unet.h"

typedef struct df_evaluator
{
  df_unet *unet;
  int      batch, rows;       /* rows: 2·batch under guidance */
  size_t   row;               /* floats of one picture        */
  double   guidance;
  double  *t;                 /* [rows]                       */
  int     *labels;            /* [rows]                       */
  float   *twice;             /* [rows·row] input and output under guidance, else NULL */
} df_evaluator;

/* Bytes that df_evaluator_new takes. */
DF_CHECKED df_status df_evaluator_forecast (const df_model *model, const df_request *request, int threads,
                                            df_unet_cost *out, df_error *err);
DF_CHECKED df_status df_evaluator_new   (df_evaluator *out, const df_model *model, const df_request *request,
                                         df_pool *pool, df_error *err);
void                 df_evaluator_clear (df_evaluator *evaluator);

/* out [batch·row] = network (x, t), guided: u + g·(c - u) (Ho & Salimans 2022). */
DF_CHECKED df_status df_evaluate (df_evaluator *evaluator, const float *x, double t, const df_progress *progress,
                                  float *out, df_error *err);

#endif
