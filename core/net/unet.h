/* SPDX-License-Identifier: GPL-3.0-or-later */
/* unet: one evaluation of the network, for process/ and session: graph → plan → run.
 * A df_unet owns packed weights, an arena of the planned size and everything mutable; the model must outlive it. */
#ifndef DF_NET_UNET_H
#define DF_NET_UNET_H

#include "base/threads.h"
#include "model/model.h"

typedef struct df_unet df_unet;

typedef struct df_unet_size
{
  int  batch, width, height;    /* sides: multiples of 2^(levels-1), checked */
  bool tile_x, tile_y;          /* circular padding */
} df_unet_size;

typedef struct df_unet_cost
{
  size_t bytes;                 /* arena, packed weights, scratch of `threads` threads */
  double flops;                 /* of one evaluation of the whole batch                 */
  double cost;                  /* its time, in FLOPs of a direct 3×3 convolution       */
} df_unet_cost;

/* Checks every weight's presence and shape; nothing of the plan is kept. Errors: FORMAT, ARGUMENT, MEMORY. */
DF_CHECKED df_status df_unet_forecast (const df_model *model, const df_unet_size *size, int threads,
                                       df_unet_cost *out, df_error *err);
DF_CHECKED df_status df_unet_new  (df_unet **out, const df_model *model, const df_unet_size *size,
                                   df_pool *pool, df_error *err);
void                 df_unet_free (df_unet *unet);   /* accepts NULL */

/* x, out: [batch,height,width,in_channels | out_channels] NHWC; t: [batch], fractional allowed; labels: [batch],
 * each 0 … num_class_embeds-1, or NULL on an unconditional model. progress may be NULL; `fraction` is of this
 * evaluation, weighted by the cost of the ops. Errors: CANCELLED, ARGUMENT (label), NUMERIC (output not finite). */
DF_CHECKED df_status df_unet_eval (df_unet *unet, const float *x, const double *t, const int *labels,
                                   const df_progress *progress, float *out, df_error *err);

void   df_unet_profile_start (df_unet *unet);
size_t df_unet_profile_rows  (const df_unet *unet, df_profile_row *rows, size_t max);

#endif
