/* SPDX-License-Identifier: GPL-3.0-or-later */
/* graph: the network as a flat list of semantic operations on values, independent of the picture's size.
 * unet_graph builds it from a configuration in the order and with the names of diffusers' UNet2DModel; the
 * reference interpreter reads it as it is; fuse turns it into fewer operations of the same kind; plan
 * schedules those. Data, no behaviour: a new consumer is a new reader of the list. */
#ifndef DF_NET_GRAPH_H
#define DF_NET_GRAPH_H

#include "model/config.h"

typedef enum df_op_kind
{
  DF_OP_CENTER,        /* y = 2x - 1                                                    */
  DF_OP_TIME,          /* y = sinusoids of t                                            */
  DF_OP_CLASS,         /* y = x + table[label]                                          */
  DF_OP_CONV,          /* 3×3 or 1×1; a linear layer is 1×1                             */
  DF_OP_NORM,          /* GroupNorm                                                     */
  DF_OP_SILU,
  DF_OP_ADD,           /* y = (a + b)·scale                                             */
  DF_OP_ADD_ROW,       /* y = x + row of the image                                      */
  DF_OP_SCALE_SHIFT,   /* y = x·(1 + s) + shift, s and shift a row of the image         */
  DF_OP_CONCAT,        /* y = a | b                                                     */
  DF_OP_UPSAMPLE,      /* nearest ×2                                                    */
  DF_OP_AVGPOOL,       /* 2×2 mean                                                      */
  DF_OP_ATTENTION      /* of q, k, v                                                    */
} df_op_kind;

#define DF_NONE (-1)

typedef struct df_op
{
  df_op_kind kind;
  int        in[3];              /* values, DF_NONE beyond the kind's number; after fuse a norm or 1×1
                                  * conv with an in[1] reads the two side by side         */
  int        out;                /* value                                                 */
  int        weight, bias;       /* params: conv, norm (gamma, beta), class (table)       */
  int        kernel, stride;     /* conv                                                  */
  bool       pad_end;            /* conv: stride 2 pads right and bottom only             */
  int        groups;             /* norm                                                  */
  double     eps;                /* norm                                                  */
  int        heads;              /* attention                                             */
  double     scale;              /* add: of the sum                                       */
  double     freq_shift;         /* time                                                  */
  bool       flip;               /* time                                                  */
  int        block;              /* resnet, attention or sampler that it belongs to, counted from the input */
  /* set by fuse only */
  int        row, residual;      /* conv: values added to the result                      */
  bool       silu;               /* norm: SiLU follows                                    */
  bool       upsample;           /* conv: nearest ×2 comes before                         */
  char       name[80];           /* diffusers' module path                                */
} df_op;

typedef struct df_value
{
  int  channels;
  int  level;                    /* sides are the canvas's divided by 2^level             */
  bool row;                      /* one vector per image instead of a picture             */
} df_value;

typedef enum df_param_kind { DF_PARAM_CONV, DF_PARAM_VECTOR, DF_PARAM_TABLE } df_param_kind;
typedef enum df_param_init { DF_INIT_FAN, DF_INIT_ZERO, DF_INIT_ONE, DF_INIT_NORMAL } df_param_init;

typedef struct df_param
{
  char          name[96];        /* tensor name                                           */
  df_param_kind kind;
  df_param_init init;            /* how a new network starts (Ho 2020: last convolutions are 0) */
  int           dims;
  size_t        shape[4];        /* as in files: [O,I,kh,kw], [O,I], [C] or [classes,C]    */
  size_t        count;
  int           in, out, kernel; /* conv                                                  */
} df_param;

typedef struct df_graph
{
  df_op    *ops;
  df_value *values;
  df_param *params;
  int       num_ops, num_values, num_params;
  int       cap_ops, cap_values, cap_params;
  int       input, output;       /* values                                                */
  bool      failed;              /* memory ran out while building                         */
} df_graph;

/* The network of that configuration. Errors: MEMORY, UNSUPPORTED. */
DF_CHECKED df_status df_graph_build (df_graph *out, const df_unet_config *config, df_error *err);
/* The same network with fewer operations: norm+SiLU, conv+row, conv+residual, upsample+conv; without training also
 * concat+norm and concat+1×1 (backward would have to part the gradient again). */
DF_CHECKED df_status df_graph_fuse  (df_graph *out, const df_graph *graph, bool train, df_error *err);
void                 df_graph_clear (df_graph *graph);

/* For the builders: append and return the index; after a failure they return 0 and set failed. */
int  df_graph_value (df_graph *graph, int channels, int level, bool row);
int  df_graph_param (df_graph *graph, const df_param *param);
void df_graph_op    (df_graph *graph, const df_op *op);
df_op df_op_empty   (df_op_kind kind);

/* Values an operation reads (in, row, residual): up to 5, returns how many. */
int  df_op_reads (const df_op *op, int reads[5]);

#endif
