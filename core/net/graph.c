/* SPDX-License-Identifier: GPL-3.0-or-later */
/* graph: growing and freeing the lists. */
#include "net/graph.h"

#include "base/alloc.h"

#include <string.h>

/* Room for one more of `size` bytes in *list; false when memory is refused. */
static bool
reserve (df_graph *graph, void *list, int num, int *cap, size_t size)
{
  void **where = list;
  void  *larger;
  int    more = *cap == 0 ? 64 : 2 * *cap;

  if (graph->failed)
    return false;
  if (num < *cap)
    return true;
  larger = df_alloc ((size_t) more, size);
  if (larger == NULL)
    {
      graph->failed = true;
      return false;
    }
  if (num > 0)
    memcpy (larger, *where, (size_t) num * size);
  df_free (*where);
  *where = larger;
  *cap   = more;
  return true;
}

int
df_graph_value (df_graph *graph, int channels, int level, bool row)
{
  if (!reserve (graph, &graph->values, graph->num_values, &graph->cap_values, sizeof *graph->values))
    return 0;
  graph->values[graph->num_values] = (df_value) { channels, level, row };
  return graph->num_values++;
}

int
df_graph_param (df_graph *graph, const df_param *param)
{
  df_param *p;

  if (!reserve (graph, &graph->params, graph->num_params, &graph->cap_params, sizeof *graph->params))
    return 0;
  p        = &graph->params[graph->num_params];
  *p       = *param;
  p->count = 1;
  for (int i = 0; i < p->dims; i++)
    p->count *= p->shape[i];
  return graph->num_params++;
}

void
df_graph_op (df_graph *graph, const df_op *op)
{
  if (reserve (graph, &graph->ops, graph->num_ops, &graph->cap_ops, sizeof *graph->ops))
    graph->ops[graph->num_ops++] = *op;
}

df_op
df_op_empty (df_op_kind kind)
{
  return (df_op) { .kind = kind, .in = { DF_NONE, DF_NONE, DF_NONE }, .out = DF_NONE, .weight = DF_NONE,
                   .bias = DF_NONE, .row = DF_NONE, .residual = DF_NONE, .stride = 1, .scale = 1.0 };
}

int
df_op_reads (const df_op *op, int reads[5])
{
  const int all[5] = { op->in[0], op->in[1], op->in[2], op->row, op->residual };
  int       n = 0;

  for (int i = 0; i < 5; i++)
    if (all[i] != DF_NONE)
      reads[n++] = all[i];
  return n;
}

void
df_graph_clear (df_graph *graph)
{
  df_free (graph->ops);
  df_free (graph->values);
  df_free (graph->params);
  memset (graph, 0, sizeof *graph);
}
