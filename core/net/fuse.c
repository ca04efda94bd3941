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
  const df_op   **pair;      /* of a value: the concat that is read in its place, or NULL */
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

/* Whether every reader of the concat's result can read its two parts instead. */
static bool
can_stay_apart (const df_graph *g, const df_op *concat)
{
  for (int i = 0; i < g->num_ops; i++)
    {
      const df_op *op = &g->ops[i];
      int          reads[5], num = df_op_reads (op, reads);

      for (int r = 0; r < num; r++)
        if (reads[r] == concat->out && (op->in[0] != concat->out || op->in[1] != DF_NONE ||
                                        !(op->kind == DF_OP_NORM || (op->kind == DF_OP_CONV && op->kernel == 1))))
          return false;
    }
  return true;
}

static void
fuse_ops (fuser *f, bool train)
{
  for (int i = 0; i < f->g->num_ops && !f->out->failed; i++)
    {
      df_op op = f->g->ops[i];

      if (op.kind == DF_OP_CONCAT && !train && can_stay_apart (f->g, &op))
        {
          f->pair[op.out] = &f->g->ops[i];
          continue;
        }
      if (op.in[0] != DF_NONE && f->pair[op.in[0]] != NULL)
        {
          const df_op *concat = f->pair[op.in[0]];

          op.in[0] = concat->in[0];
          op.in[1] = concat->in[1];
        }
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
df_graph_fuse (df_graph *out, const df_graph *graph, bool train, df_error *err)
{
  size_t n = (size_t) graph->num_values;
  fuser  f = { .g = graph, .out = out, .uses = df_alloc (n, sizeof (int)), .maker = df_alloc (n, sizeof (int)),
               .pair = df_alloc (n, sizeof (df_op *)) };

  memset (out, 0, sizeof *out);
  out->failed = f.uses == NULL || f.maker == NULL || f.pair == NULL;
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
    fuse_ops (&f, train);
  out->input  = graph->input;
  out->output = graph->output;
  df_free (f.uses);
  df_free (f.maker);
  df_free (f.pair);
  if (!out->failed)
    return DF_OK;
  df_graph_clear (out);
  return df_fail (err, DF_ERROR_MEMORY, "Out of memory while the network was planned.");
}
