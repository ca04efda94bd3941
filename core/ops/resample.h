/* SPDX-License-Identifier: GPL-3.0-or-later */
/* resample: nearest ×2 and 2×2 mean, as resnets with up or down sampling use them (core.md §2.2). */
#ifndef DF_OPS_RESAMPLE_H
#define DF_OPS_RESAMPLE_H

#include "ops/ops.h"

typedef struct df_image { int batch, height, width, channels; } df_image;   /* the smaller picture */

void df_upsample      (const df_ops *ops, const df_image *small, const float *x, float *y);
void df_upsample_back (const df_ops *ops, const df_image *small, const float *dy, float *dx, bool add);
void df_avgpool       (const df_ops *ops, const df_image *small, const float *x, float *y);
void df_avgpool_back  (const df_ops *ops, const df_image *small, const float *dy, float *dx, bool add);

void df_upsample_reference (const df_image *small, const double *x, double *y);
void df_avgpool_reference  (const df_image *small, const double *x, double *y);

#endif
