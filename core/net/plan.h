/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan: a fused graph scheduled for one size of batch and canvas: steps in order, forward and, for training,
 * backward as entries of the same kind, each with its cost; and buffers with offsets in one arena, reused as
 * soon as their last reader has run. Forward, forecasts, progress and profile read these lists. */
#ifndef DF_NET_PLAN_H
#define DF_NET_PLAN_H

#include "net/graph.h"
#include "net/unet.h"
#include "ops/conv.h"

typedef struct df_plan_step
{
  df_op  op;
  bool   backward;
  int    stats;            /* buffer: norm, else DF_NONE                                          */
  int    grad_out;         /* buffers, backward only                                              */
  int    grad[5];          /* gradients of in[0…2], row, residual; DF_NONE where none is needed   */
  bool   add[5];           /* whether that gradient has been written before                       */
  double flops, bytes;     /* of the direct sum; bytes read and written, weights included         */
  double work;             /* FLOPs that the chosen algorithm takes                               */
} df_plan_step;

typedef struct df_buffer
{
  size_t floats, offset;   /* offset in floats in the arena                                       */
  int    first, last;      /* steps during which it lives                                         */
} df_buffer;

typedef struct df_plan
{
  df_graph      graph;     /* fused, owned                                                        */
  df_unet_size  size;
  df_plan_step *steps;
  int           num_steps, num_forward;
  df_buffer    *buffers;   /* the first graph.num_values are the values' own                      */
  int           num_buffers;
  df_conv_algo *algos;     /* per param: of the convolution that it belongs to                    */
  int           grad_output;   /* buffer the loss gradient goes into (training), else DF_NONE     */
  int           grad_input;    /* buffer of the gradient by the input, DF_NONE unless asked for   */
  size_t        arena;     /* floats                                                              */
  size_t        scratch;   /* floats                                                              */
  double        flops, cost;   /* of all steps; cost is what progress counts                      */
} df_plan;

typedef enum df_plan_mode { DF_PLAN_FORWARD, DF_PLAN_TRAIN, DF_PLAN_TRAIN_INPUT } df_plan_mode;

/* How much of what backward reads is computed again instead of kept, after forward steps of the same operations, so that
 * every gradient stays the same to the bit: 0 nothing; 1 all but the results of convolutions and attention; n > 1 all
 * but what goes from one group of n - 1 blocks to another. Each operation runs at most once more. */
enum { DF_RECOMPUTE_NONE = 0, DF_RECOMPUTE_MOST = 3 };

/* fuse: false schedules the graph as it is, with direct sums (the test that both agree). recompute: only training
 * looks at it. Errors: ARGUMENT (size), MEMORY. */
DF_CHECKED df_status df_plan_build (df_plan *out, const df_unet_config *config, const df_unet_size *size,
                                    df_plan_mode mode, int recompute, bool fuse, const df_kernels *k, int threads,
                                    df_error *err);
void                 df_plan_clear (df_plan *plan);
size_t               df_plan_bytes (const df_plan *plan);   /* of its lists, the arena not among them */

double df_plan_step_cost (const df_plan_step *step);

/* Shape of a value in this plan: a row is one picture of 1 × batch pixels, so that linear layers see all
 * rows of a batch at once. */
typedef struct df_shape { int batch, height, width, channels; } df_shape;
df_shape df_plan_shape  (const df_plan *plan, int value);
size_t   df_plan_pixels (const df_plan *plan, int value);   /* of the whole batch */

#endif
