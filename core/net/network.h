/* SPDX-License-Identifier: GPL-3.0-or-later */
/* network: a plan with its memory, bound to parameters and run; what unet (inference) and the trainer share.
 * One block holds arena, scratch and packed weights; its size is known before it is taken. */
#ifndef DF_NET_NETWORK_H
#define DF_NET_NETWORK_H

#include "net/exec.h"

typedef struct df_network
{
  df_plan           plan;
  const df_kernels *k;
  df_pool          *pool;     /* borrowed                                         */
  bool              train;
  float            *memory;
  size_t            bytes;    /* of memory; 0 when it is not its own              */
  df_bound         *bound;    /* per param                                        */
  df_exec           exec;
  double           *seconds;  /* per step, while profiling; NULL before           */
} df_network;

typedef enum df_weight_layout { DF_LAYOUT_OIHW, DF_LAYOUT_HWIO } df_weight_layout;

/* Bytes of memory that df_network_new takes for this plan, lists included. */
size_t df_network_bytes (const df_plan *plan, const df_kernels *k, bool train);

/* Of these, what its tensors lie in. */
size_t df_network_block (const df_plan *plan, const df_kernels *k, bool train);

/* Takes over the plan (also on failure: it is cleared). block: that many bytes of the caller's, from df_alloc_pages, which
 * another network may use in turn when it is bound before each of its runs; NULL: its own. Errors: MEMORY. */
DF_CHECKED df_status df_network_new (df_network *out, df_plan *plan, df_pool *pool, bool train, float *block,
                                     df_error *err);
void                 df_network_clear (df_network *net);

/* Called from any thread when the weights of a convolution have been packed and are not needed any more. */
typedef void (*df_packed_fn) (void *user, const float *weights, size_t floats);

/* Packs the convolutions of data[param] and keeps pointers to the rest, which must stay. done: may be NULL. */
void df_network_bind (df_network *net, const float *const *data, df_weight_layout layout, df_packed_fn done,
                      void *user);
/* Where param gradients go (training): [param], conv in HWIO. */
void df_network_bind_grads (df_network *net, float *const *grads);

float *df_network_value       (const df_network *net, int value);
float *df_network_grad_output (const df_network *net);
float *df_network_grad_input  (const df_network *net);   /* NULL unless planned */

/* The input is in df_network_value (graph.input), the output is left in df_network_value (graph.output). */
DF_CHECKED df_status df_network_forward  (df_network *net, const double *t, const int *labels,
                                          const df_progress *progress, df_error *err);
/* After forward, with the loss gradient in df_network_grad_output; writes every param gradient. */
void                 df_network_backward (df_network *net);

#endif
