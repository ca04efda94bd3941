/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exec: one step of a plan run on memory. The only place that knows how an operation of the list becomes a call
 * of ops/; adding an operation means a case here, in plan's saved_inputs and in reference. */
#ifndef DF_NET_EXEC_H
#define DF_NET_EXEC_H

#include "net/plan.h"
#include "ops/ops.h"

/* Per param of the graph. */
typedef struct df_bound
{
  const float *raw;            /* vectors and tables as they are                              */
  float       *packed;         /* conv weights for the forward pass                           */
  float       *packed_back;    /* conv weights for the gradient by x; NULL without training   */
  float       *grad;           /* gradient, conv in HWIO; NULL without training               */
} df_bound;

typedef struct df_exec
{
  df_ops          ops;
  float          *arena;
  const df_bound *bound;
  const double   *t;           /* [batch] */
  const int      *labels;      /* [batch] */
} df_exec;

void   df_exec_step    (const df_exec *exec, const df_plan *plan, const df_plan_step *step);
size_t df_exec_scratch (const df_plan *plan, const df_plan_step *step, const df_kernels *k, int threads);
/* The algorithm for a convolution of this plan. */
df_conv_algo df_exec_algo (const df_plan *plan, const df_op *op, const df_kernels *k);
size_t df_exec_stats   (const df_plan *plan, const df_op *op);

#endif
