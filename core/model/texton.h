/* SPDX-License-Identifier: GPL-3.0-or-later */
/* texton: what a model that learned one picture keeps of it: the kernel of a Gaussian texture with that picture's mean and
 * autocovariance (Galerne, Gousseau, Morel 2011; Galerne, Leclaire, Moisan 2014). Optional file texton.safetensors:
 * "texton" [height,width,channels], "mean" [channels], both in the network's range. */
#ifndef DF_MODEL_TEXTON_H
#define DF_MODEL_TEXTON_H

#include "base/status.h"

#define DF_TEXTON_FILE "texton.safetensors"
#define DF_TEXTON_SIDE 512   /* a larger one tells nothing more, and takes room */

typedef struct df_texton
{
  int    width, height, channels;
  float  mean[4];
  float *kernel;             /* [height,width,channels], owned; its squares add up to the variance; NULL: none */
} df_texton;

/* What pixel i of n counted in the making of a kernel: its edges fade, 0 … 1. */
double               df_texton_window (int i, int n);
/* Errors: those of df_safetensors_open; FORMAT (shape, values), MEMORY. */
DF_CHECKED df_status df_texton_load  (df_texton *out, const char *path, int channels, df_error *err);
/* Errors: IO, MEMORY. */
DF_CHECKED df_status df_texton_save  (const df_texton *texton, const char *path, df_error *err);
void                 df_texton_clear (df_texton *texton);

#endif
