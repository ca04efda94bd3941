/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reference: the unfused graph run with the naive double-precision loops of ops/: the specification that plans,
 * fused or not, are tested against, and what finite differences are taken of. Slow. */
#ifndef DF_NET_REFERENCE_H
#define DF_NET_REFERENCE_H

#include "net/graph.h"
#include "net/unet.h"

/* params[i]: values of graph param i in the layout of files (OIHW). x, out: NHWC doubles. Errors: MEMORY. */
DF_CHECKED df_status df_reference_run (const df_graph *graph, const df_unet_size *size,
                                       const double *const *params, const double *x, const double *t,
                                       const int *labels, double *out, df_error *err);

#endif
