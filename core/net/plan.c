/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan: see plan.h. The backward part walks the forward part in reverse; a value's gradient is written by the
 * first step that reaches it and added to by the rest. Buffers are placed largest first at the lowest offset
 * where no buffer that lives at the same time lies. */
#include "net/plan.h"

#include "base/alloc.h"
#include "net/exec.h"

#include <stdlib.h>
#include <string.h>

#define ALIGN_FLOATS 16

typedef struct planner
{
  df_plan *plan;
  bool    *needs_grad;     /* per value */
  int     *grad;           /* per value: buffer of its gradient, or DF_NONE */
  int     *again;          /* per value: the value that backward reads: itself, or one that is computed again */
  int     *maker;          /* per value: the operation it comes from, or DF_NONE */
  bool    *made;           /* per value: that it need not be computed again (any more) */
} planner;

/* ------------------------------------------------------------------ shapes and costs */

df_shape
df_plan_shape (const df_plan *plan, int value)
{
  df_value v = plan->graph.values[value];

  if (v.row)
    return (df_shape) { 1, 1, plan->size.batch, v.channels };
  return (df_shape) { plan->size.batch, plan->size.height >> v.level, plan->size.width >> v.level, v.channels };
}

size_t
df_plan_pixels (const df_plan *plan, int value)
{
  df_shape s = df_plan_shape (plan, value);

  return (size_t) s.batch * (size_t) s.height * (size_t) s.width;
}

static size_t
value_floats (const df_plan *plan, int value)
{
  return df_plan_pixels (plan, value) * (size_t) plan->graph.values[value].channels;
}

/* What progress counts: about the time of a step, in FLOPs. A byte costs about as much as twelve of them:
 * `diffusion-cli bench --profile`. */
double
df_plan_step_cost (const df_plan_step *step)
{
  return step->work + 12.0 * step->bytes;
}

static void
cost_step (const df_plan *plan, df_plan_step *step)
{
  /* direct, F2, F4, transforms included: tests/bench/conv_table */
  static const double gain[] = { 1.0, 1.6, 2.5 };

  const df_op *op = &step->op;
  int          reads[5], num = df_op_reads (op, reads);
  double       out = (double) value_floats (plan, op->out);

  step->bytes = 4.0 * out;
  for (int i = 0; i < num; i++)
    step->bytes += 4.0 * (double) value_floats (plan, reads[i]);
  if (op->weight != DF_NONE)
    step->bytes += 4.0 * (double) plan->graph.params[op->weight].count;
  step->flops = out;
  if (op->kind == DF_OP_CONV)
    step->flops = 2.0 * (double) df_plan_pixels (plan, op->out) *
                  (double) plan->graph.params[op->weight].count;
  else if (op->kind == DF_OP_ATTENTION)
    step->flops = 4.0 * (double) df_plan_pixels (plan, op->out) / plan->size.batch * out;
  if (step->backward)
    {
      step->flops *= 2.0;
      step->bytes *= 2.0;
    }
  step->work = step->flops;
  if (op->kind == DF_OP_CONV)
    step->work /= gain[plan->algos[op->weight]];
}

/* ------------------------------------------------------------------ steps */

static int
new_buffer (df_plan *plan, size_t floats)
{
  plan->buffers[plan->num_buffers] = (df_buffer) { .floats = floats, .first = -1, .last = -1 };
  return plan->num_buffers++;
}

static void
forward_steps (planner *p)
{
  df_plan *plan = p->plan;

  for (int i = 0; i < plan->graph.num_ops; i++)
    {
      df_plan_step *step = &plan->steps[plan->num_steps++];

      *step = (df_plan_step) { .op = plan->graph.ops[i], .stats = DF_NONE, .grad_out = DF_NONE,
                               .grad = { DF_NONE, DF_NONE, DF_NONE, DF_NONE, DF_NONE } };
      if (step->op.kind == DF_OP_NORM)
        step->stats = new_buffer (plan, df_exec_stats (plan, &step->op));
    }
  plan->num_forward = plan->num_steps;
}

static void
mark_needs (planner *p, df_plan_mode mode)
{
  const df_graph *g = &p->plan->graph;

  p->needs_grad[g->input] = mode == DF_PLAN_TRAIN_INPUT;
  for (int i = 0; i < g->num_ops; i++)
    {
      int reads[5], num = df_op_reads (&g->ops[i], reads);

      p->needs_grad[g->ops[i].out] = g->ops[i].weight != DF_NONE;
      for (int r = 0; r < num; r++)
        p->needs_grad[g->ops[i].out] |= p->needs_grad[reads[r]];
    }
}

/* ------------------------------------------------------------------ what is computed again */

/* How many of an operation's inputs its backward step reads: the operands of its formula, not all that forward read. */
static int
saved_inputs (const df_op *op)
{
  switch (op->kind)
    {
    case DF_OP_CONV:
    case DF_OP_NORM:
    case DF_OP_SILU:
      return 1;
    case DF_OP_SCALE_SHIFT:
      return 2;
    case DF_OP_ATTENTION:
      return 3;
    default:
      return 0;
    }
}

/* Whether a value that operation `reader` reads is to be had only by keeping it. */
static bool
kept_for (const df_op *maker, const df_op *reader, int recompute)
{
  if (recompute == 1)
    return maker->kind == DF_OP_CONV || maker->kind == DF_OP_ATTENTION;
  return maker->block / (recompute - 1) != reader->block / (recompute - 1);
}

/* Gives every picture that is not kept a second value. */
static void
choose_again (planner *p, int recompute)
{
  df_graph *g   = &p->plan->graph;
  const int num = g->num_values;

  for (int v = 0; v < num; v++)
    {
      p->again[v] = v;
      p->maker[v] = DF_NONE;
      p->made[v]  = true;
    }
  for (int i = 0; i < g->num_ops && recompute != DF_RECOMPUTE_NONE; i++)
    {
      int reads[5], count = df_op_reads (&g->ops[i], reads);

      p->maker[g->ops[i].out] = i;
      p->made[g->ops[i].out]  = g->values[g->ops[i].out].row;
      for (int r = 0; r < count; r++)
        if (p->maker[reads[r]] != DF_NONE && kept_for (&g->ops[p->maker[reads[r]]], &g->ops[i], recompute))
          p->made[reads[r]] = true;
    }
  for (int v = 0; v < num; v++)
    if (!p->made[v])
      p->again[v] = df_graph_value (g, g->values[v].channels, g->values[v].level, false);
}

/* Appends the steps after which p->again[value] holds what value held. */
static void
make_again (planner *p, int value)
{
  df_plan_step step;
  int *const   reads[5] = { &step.op.in[0], &step.op.in[1], &step.op.in[2], &step.op.row, &step.op.residual };

  if (p->made[value])
    return;
  step = p->plan->steps[p->maker[value]];
  for (int r = 0; r < 5; r++)
    if (*reads[r] != DF_NONE)
      {
        make_again (p, *reads[r]);
        *reads[r] = p->again[*reads[r]];
      }
  step.op.out    = p->again[value];
  p->made[value] = true;
  p->plan->steps[p->plan->num_steps++] = step;
}

/* ------------------------------------------------------------------ backward */

/* The backward step of a forward step, with what it reads made first. */
static df_plan_step
backward_of (planner *p, df_plan_step step)
{
  df_plan  *plan   = p->plan;
  const int all[5] = { step.op.in[0], step.op.in[1], step.op.in[2], step.op.row, step.op.residual };

  step.backward = true;
  step.grad_out = p->grad[step.op.out];
  for (int i = 0; i < saved_inputs (&step.op); i++)
    {
      make_again (p, step.op.in[i]);
      step.op.in[i] = p->again[step.op.in[i]];
    }
  for (int r = 0; r < 5; r++)
    {
      if (all[r] == DF_NONE || !p->needs_grad[all[r]])
        continue;
      step.add[r] = p->grad[all[r]] != DF_NONE;
      if (!step.add[r])
        p->grad[all[r]] = new_buffer (plan, value_floats (plan, all[r]));
      step.grad[r] = p->grad[all[r]];
    }
  return step;
}

static void
backward_steps (planner *p)
{
  df_plan *plan = p->plan;

  p->grad[plan->graph.output] = plan->grad_output = new_buffer (plan, value_floats (plan, plan->graph.output));
  for (int i = plan->num_forward - 1; i >= 0; i--)
    if (p->needs_grad[plan->steps[i].op.out])
      {
        df_plan_step step = backward_of (p, plan->steps[i]);

        plan->steps[plan->num_steps++] = step;
      }
  plan->grad_input = p->grad[plan->graph.input];
}

/* ------------------------------------------------------------------ memory */

static void
touch (df_plan *plan, int buffer, int step)
{
  df_buffer *b;

  if (buffer == DF_NONE)
    return;
  b = &plan->buffers[buffer];
  if (b->first < 0)
    b->first = step;
  b->last = step;
}

static void
find_lifetimes (df_plan *plan)
{
  touch (plan, plan->graph.input, 0);
  for (int i = 0; i < plan->num_steps; i++)
    {
      const df_plan_step *step = &plan->steps[i];
      int                 reads[5], num = df_op_reads (&step->op, reads);

      touch (plan, step->stats, i);
      touch (plan, step->grad_out, i);
      for (int r = 0; r < 5; r++)
        touch (plan, step->grad[r], i);
      for (int r = 0; r < saved_inputs (&step->op) && step->backward; r++)
        touch (plan, step->op.in[r], i);
      for (int r = 0; r < num && !step->backward; r++)
        touch (plan, reads[r], i);
      if (!step->backward)
        touch (plan, step->op.out, i);
    }
  /* The caller reads the output after the forward part, and writes its gradient there. */
  touch (plan, plan->graph.output, plan->num_forward);
  if (plan->grad_output != DF_NONE)
    plan->buffers[plan->grad_output].first = plan->num_forward - 1;
  if (plan->grad_input != DF_NONE)
    plan->buffers[plan->grad_input].last = plan->num_steps;
}

typedef struct placed { int index; const df_buffer *buffer; } placed;

static int
larger_first (const void *a, const void *b)
{
  const placed *x = a, *y = b;

  if (x->buffer->floats != y->buffer->floats)
    return x->buffer->floats < y->buffer->floats ? 1 : -1;
  return x->index - y->index;
}

static int
lower_first (const void *a, const void *b)
{
  const df_buffer *x = ((const placed *) a)->buffer, *y = ((const placed *) b)->buffer;

  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static size_t
padded (size_t floats)
{
  return (floats + DF_SLACK + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
}

/* Lowest offset for b beside the `count` placed buffers, which are sorted by offset. */
static size_t
lowest_gap (const df_buffer *b, const placed *order, int count)
{
  size_t offset = 0;

  for (int i = 0; i < count; i++)
    {
      const df_buffer *o = order[i].buffer;

      if (o->last < b->first || o->first > b->last)
        continue;
      if (o->offset >= offset + padded (b->floats))
        return offset;
      if (o->offset + padded (o->floats) > offset)
        offset = o->offset + padded (o->floats);
    }
  return offset;
}

static bool
place_buffers (df_plan *plan)
{
  placed *order = df_alloc ((size_t) plan->num_buffers, sizeof *order);
  placed *done  = df_alloc ((size_t) plan->num_buffers, sizeof *done);

  if (order == NULL || done == NULL)
    {
      df_free (order);
      df_free (done);
      return false;
    }
  for (int i = 0; i < plan->num_buffers; i++)
    order[i] = (placed) { i, &plan->buffers[i] };
  qsort (order, (size_t) plan->num_buffers, sizeof *order, larger_first);
  for (int i = 0, count = 0; i < plan->num_buffers; i++)
    {
      df_buffer *b = &plan->buffers[order[i].index];

      if (b->first < 0)
        continue;
      b->offset     = lowest_gap (b, done, count);
      done[count++] = order[i];
      qsort (done, (size_t) count, sizeof *done, lower_first);
      if (b->offset + padded (b->floats) > plan->arena)
        plan->arena = b->offset + padded (b->floats);
    }
  df_free (order);
  df_free (done);
  return true;
}

/* ------------------------------------------------------------------ building */

static df_status
check_size (const df_unet_config *config, const df_unet_size *size, df_error *err)
{
  int multiple = 1 << (config->levels - 1);

  if (size->batch < 1 || size->width < 1 || size->height < 1 || size->width % multiple != 0 ||
      size->height % multiple != 0)
    return df_fail (err, DF_ERROR_ARGUMENT,
                    "This model works on sides that are multiples of %d; %d × %d is not.", multiple,
                    size->width, size->height);
  if ((double) size->batch * size->width * size->height > 1e9)
    return df_fail (err, DF_ERROR_ARGUMENT, "%d × %d is too large: choose a smaller canvas.", size->width,
                    size->height);
  return DF_OK;
}

static df_status
graph_for (df_plan *plan, const df_unet_config *config, bool fuse, bool train, df_error *err)
{
  df_graph  whole;
  df_status status;

  DF_TRY (df_graph_build (&whole, config, err));
  if (!fuse)
    {
      plan->graph = whole;
      return DF_OK;
    }
  status = df_graph_fuse (&plan->graph, &whole, train, err);
  df_graph_clear (&whole);
  return status;
}

/* Most entries of the two lists: a step forward, one again and one back per operation; a value, its gradient, and what
 * an operation keeps. */
static size_t
most_steps (const df_plan *plan)
{
  return 3 * (size_t) plan->graph.num_ops;
}

static size_t
most_buffers (const df_plan *plan)
{
  return 2 * (size_t) plan->graph.num_values + (size_t) plan->graph.num_ops + 1;
}

static bool
planner_new (planner *p, df_plan *plan)
{
  size_t values = (size_t) plan->graph.num_values;

  *p = (planner) { plan, df_alloc (values, sizeof (bool)), df_alloc (values, sizeof (int)), df_alloc (values, sizeof (int)),
                   df_alloc (values, sizeof (int)), df_alloc (values, sizeof (bool)) };
  return p->needs_grad != NULL && p->grad != NULL && p->again != NULL && p->maker != NULL && p->made != NULL;
}

static void
planner_clear (planner *p)
{
  df_free (p->needs_grad);
  df_free (p->grad);
  df_free (p->again);
  df_free (p->maker);
  df_free (p->made);
}

/* The two lists and their memory. */
static bool
fill_lists (planner *p, df_plan_mode mode, int recompute)
{
  df_plan *plan = p->plan;

  for (int i = 0; i < plan->graph.num_values; i++)
    p->grad[i] = DF_NONE;
  choose_again (p, recompute);
  plan->steps   = df_alloc (most_steps (plan), sizeof *plan->steps);
  plan->buffers = df_alloc (most_buffers (plan), sizeof *plan->buffers);
  if (plan->steps == NULL || plan->buffers == NULL || plan->graph.failed)
    return false;
  for (int i = 0; i < plan->graph.num_values; i++)
    new_buffer (plan, value_floats (plan, i));
  forward_steps (p);
  mark_needs (p, mode);
  if (mode != DF_PLAN_FORWARD)
    backward_steps (p);
  find_lifetimes (plan);
  return place_buffers (plan);
}

static bool
schedule (df_plan *plan, df_plan_mode mode, int recompute, bool fuse, const df_kernels *k, int threads)
{
  planner p;
  bool    fine = planner_new (&p, plan);

  plan->algos = df_alloc ((size_t) plan->graph.num_params, sizeof *plan->algos);
  fine        = fine && plan->algos != NULL;
  for (int i = 0; i < plan->graph.num_ops && fine && fuse; i++)
    if (plan->graph.ops[i].kind == DF_OP_CONV)
      plan->algos[plan->graph.ops[i].weight] = df_exec_algo (plan, &plan->graph.ops[i], k);
  fine = fine && fill_lists (&p, mode, recompute);
  for (int i = 0; i < plan->num_steps && fine; i++)
    {
      size_t scratch = df_exec_scratch (plan, &plan->steps[i], k, threads);

      cost_step (plan, &plan->steps[i]);
      plan->flops += plan->steps[i].flops;
      plan->cost  += df_plan_step_cost (&plan->steps[i]);
      plan->scratch = scratch > plan->scratch ? scratch : plan->scratch;
    }
  plan->scratch = padded (plan->scratch);
  planner_clear (&p);
  return fine;
}

df_status
df_plan_build (df_plan *out, const df_unet_config *config, const df_unet_size *size, df_plan_mode mode, int recompute,
               bool fuse, const df_kernels *k, int threads, df_error *err)
{
  memset (out, 0, sizeof *out);
  out->grad_output = out->grad_input = DF_NONE;
  out->size        = *size;
  DF_TRY (check_size (config, size, err));
  DF_TRY (graph_for (out, config, fuse, mode != DF_PLAN_FORWARD, err));
  if (schedule (out, mode, mode != DF_PLAN_FORWARD ? recompute : DF_RECOMPUTE_NONE, fuse, k, threads))
    return DF_OK;
  df_plan_clear (out);
  return df_fail (err, DF_ERROR_MEMORY, "Out of memory while the network was planned.");
}

size_t
df_plan_bytes (const df_plan *plan)
{
  const df_graph *g = &plan->graph;

  return most_steps (plan) * sizeof *plan->steps + most_buffers (plan) * sizeof *plan->buffers +
         (size_t) g->cap_ops * sizeof *g->ops + (size_t) g->cap_values * sizeof *g->values +
         (size_t) g->cap_params * sizeof *g->params + (size_t) g->num_params * sizeof *plan->algos;
}

void
df_plan_clear (df_plan *plan)
{
  df_graph_clear (&plan->graph);
  df_free (plan->steps);
  df_free (plan->buffers);
  df_free (plan->algos);
  memset (plan, 0, sizeof *plan);
}
