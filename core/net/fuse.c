/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuse: the only road from the semantic graph to what is scheduled. Each rule joins an operation with the single
 * consumer of its result. Params and values keep their numbers, so that the two lists can be compared. */
#include "net/graph.h"

#include "base/alloc.h"

#include <string.h>

typedef struct fuser
{
  const df_graph *g;
  int            *uses;      /* readers of each value */
  int            *maker;     /* index in out->ops of the operation that makes it, or DF_NONE */
  df_graph       *out;
} fuser;

static df_op *
sole_maker (fuser *f, int value, df_op_kind kind)
{
  df_op *op;

  if (value == DF_NONE || f->uses[value] != 1 || f->maker[value] == DF_NONE)
    return NULL;
  op = &f->out->ops[f->maker[value]];
  return op->kind == kind ? op : NULL;
}

static bool
plain_conv (const df_op *op)
{
  return op != NULL && op->row == DF_NONE && op->residual == DF_NONE;
}

/* Joins op with the operation before it; true when op itself disappears. */
static bool
join (fuser *f, df_op *op)
{
  df_op *before;

  if (op->kind == DF_OP_SILU && (before = sole_maker (f, op->in[0], DF_OP_NORM)) != NULL)
    before->silu = true;
  else if (op->kind == DF_OP_ADD_ROW && plain_conv (before = sole_maker (f, op->in[0], DF_OP_CONV)) &&
           before->kernel == 3 && f->maker[op->in[1]] < f->maker[op->in[0]])
    before->row = op->in[1];
  else if (op->kind == DF_OP_ADD && (before = sole_maker (f, op->in[0], DF_OP_CONV)) != NULL &&
           before->residual == DF_NONE && f->maker[op->in[1]] < f->maker[op->in[0]])
    {
      before->residual = op->in[1];
      before->scale    = op->scale;
    }
  else
    return false;
  f->maker[op->out] = (int) (before - f->out->ops);
  before->out       = op->out;
  return true;
}

static void
fuse_ops (fuser *f)
{
  for (int i = 0; i < f->g->num_ops && !f->out->failed; i++)
    {
      df_op op = f->g->ops[i];

      if (join (f, &op))
        continue;
      if (op.kind == DF_OP_CONV && op.kernel == 3 && op.stride == 1)
        {
          df_op *up = sole_maker (f, op.in[0], DF_OP_UPSAMPLE);

          if (up != NULL && up == &f->out->ops[f->out->num_ops - 1])
            {
              op.upsample = true;
              op.in[0]    = up->in[0];
              f->out->num_ops--;
            }
        }
      f->maker[op.out] = f->out->num_ops;
      df_graph_op (f->out, &op);
    }
}

df_status
df_graph_fuse (df_graph *out, const df_graph *graph, df_error *err)
{
  size_t n = (size_t) graph->num_values;
  fuser  f = { .g = graph, .out = out, .uses = df_alloc (n, sizeof (int)), .maker = df_alloc (n, sizeof (int)) };

  memset (out, 0, sizeof *out);
  out->failed = f.uses == NULL || f.maker == NULL;
  for (int i = 0; i < graph->num_values && !out->failed; i++)
    {
      const df_value *v = &graph->values[i];

      f.maker[i] = DF_NONE;
      df_graph_value (out, v->channels, v->level, v->row);
    }
  for (int i = 0; i < graph->num_params; i++)
    df_graph_param (out, &graph->params[i]);
  for (int i = 0; i < graph->num_ops && !out->failed; i++)
    {
      int reads[5], num = df_op_reads (&graph->ops[i], reads);

      for (int r = 0; r < num; r++)
        f.uses[reads[r]]++;
    }
  if (!out->failed)
    fuse_ops (&f);
  out->input  = graph->input;
  out->output = graph->output;
  df_free (f.uses);
  df_free (f.maker);
  if (!out->failed)
    return DF_OK;
  df_graph_clear (out);
  return df_fail (err, DF_ERROR_MEMORY, "Out of memory while the network was planned.");
}
