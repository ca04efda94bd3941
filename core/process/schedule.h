/* SPDX-License-Identifier: GPL-3.0-or-later */
/* schedule: β_t and ᾱ_t of a model, float32 in diffusers' order of operations (core.md §1.1, C10): part of having
 * the same numbers. */
#ifndef DF_PROCESS_SCHEDULE_H
#define DF_PROCESS_SCHEDULE_H

#include "model/config.h"

typedef struct df_schedule
{
  int    T;
  float *betas;            /* [T] */
  float *alphas_cumprod;   /* [T] */
} df_schedule;

/* Errors: MEMORY. */
DF_CHECKED df_status df_schedule_init  (df_schedule *out, const df_scheduler_config *config, df_error *err);
void                 df_schedule_clear (df_schedule *schedule);

/* ᾱ at t in -1 … T-1: 1 at -1; between whole t, linear in log (ᾱ/(1-ᾱ)), in which schedules are smooth
 * (between -1 and 0 linear in ᾱ). */
double df_schedule_abar (const df_schedule *schedule, double t);
/* The whole t whose √ᾱ is nearest. */
int    df_schedule_find (const df_schedule *schedule, double sqrt_alpha);

#endif
