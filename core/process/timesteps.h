/* SPDX-License-Identifier: GPL-3.0-or-later */
/* timesteps: which t a run visits. Lists descend strictly; the clean picture (-1) follows the last entry. */
#ifndef DF_PROCESS_TIMESTEPS_H
#define DF_PROCESS_TIMESTEPS_H

#include "base/status.h"

typedef struct df_timesteps
{
  int *t;         /* [count + 1], t[count] = -1 */
  int  count;
} df_timesteps;

/* From x_T over a schedule of T steps (core.md §1.2): leading, trailing, linspace as diffusers; quad as the DDIM
 * authors' code, whose repeated small t are taken once, so that it may have fewer than `steps` entries.
 * Errors: ARGUMENT, MEMORY. */
DF_CHECKED df_status df_timesteps_whole   (df_timesteps *out, df_spacing spacing, int T, int steps, int offset,
                                           df_error *err);
/* Partial denoising (DESIGN §5): from `start` in `steps` steps, linear or quad. Errors: ARGUMENT, MEMORY. */
DF_CHECKED df_status df_timesteps_partial (df_timesteps *out, df_spacing spacing, int start, int steps, df_error *err);
/* A list as given, checked. */
DF_CHECKED df_status df_timesteps_given   (df_timesteps *out, const int *list, int count, int T, df_error *err);
void                 df_timesteps_clear   (df_timesteps *list);

#endif
