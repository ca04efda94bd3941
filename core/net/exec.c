/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exec: see exec.h. */
#include "net/exec.h"

#include "ops/attention.h"
#include "ops/conv.h"
#include "ops/embed.h"
#include "ops/norm.h"
#include "ops/pointwise.h"
#include "ops/resample.h"
#include "ops/sums.h"

typedef struct place
{
  const df_exec      *e;
  const df_plan      *p;
  const df_plan_step *s;
} place;

/* ------------------------------------------------------------------ where things are */

static float *
buffer (const place *at, int index)
{
  return index == DF_NONE ? NULL : at->e->arena + at->p->buffers[index].offset;
}

static float *
grad (const place *at, int which)
{
  return buffer (at, at->s->grad[which]);
}

static size_t
floats (const place *at, int value)
{
  return at->p->buffers[value].floats;
}

static df_conv
conv_of (const df_plan *plan, const df_op *op)
{
  const df_param *w = &plan->graph.params[op->weight];
  df_shape        s = df_plan_shape (plan, op->in[0]);
  df_conv conv = { .batch = s.batch, .height = s.height, .width = s.width, .in = w->in, .out = w->out,
                   .kernel = op->kernel, .stride = op->stride, .pad_end = op->pad_end,
                   .upsample = op->upsample, .tile_x = plan->size.tile_x, .tile_y = plan->size.tile_y };

  if (op->kernel == 1)     /* every pixel is its own: one long row */
    {
      conv.width  = s.batch * s.height * s.width;
      conv.height = conv.batch = 1;
    }
  if (op->in[1] != DF_NONE)
    conv.first = s.channels;
  conv.algo = plan->algos[op->weight];
  return conv;
}

static df_norm
norm_of (const df_plan *plan, const df_op *op)
{
  df_shape s = df_plan_shape (plan, op->out);

  return (df_norm) { .batch = s.batch, .channels = s.channels, .groups = op->groups,
                     .pixels = (size_t) s.height * (size_t) s.width, .eps = op->eps, .silu = op->silu,
                     .first = df_plan_shape (plan, op->in[0]).channels };
}

static df_rows
rows_of (const df_plan *plan, const df_op *op)
{
  df_shape s = df_plan_shape (plan, op->in[0]);

  return (df_rows) { s.batch, s.channels, (size_t) s.height * (size_t) s.width };
}

static df_attention
attention_of (const df_plan *plan, const df_op *op)
{
  df_shape s = df_plan_shape (plan, op->in[0]);

  return (df_attention) { .batch = s.batch, .heads = op->heads, .dim = s.channels / op->heads,
                          .pixels = (size_t) s.height * (size_t) s.width };
}

static df_image
small_image (const df_plan *plan, const df_op *op)
{
  df_shape s = df_plan_shape (plan, op->kind == DF_OP_UPSAMPLE ? op->in[0] : op->out);

  return (df_image) { s.batch, s.height, s.width, s.channels };
}

size_t
df_exec_stats (const df_plan *plan, const df_op *op)
{
  df_norm norm = norm_of (plan, op);

  return df_norm_stats (&norm);
}

df_conv_algo
df_exec_algo (const df_plan *plan, const df_op *op, const df_kernels *k)
{
  df_conv conv = conv_of (plan, op);

  return df_conv_choose (k, &conv);
}

static size_t
conv_scratch (const df_plan *plan, const df_plan_step *step, const df_kernels *k, int threads)
{
  df_conv  conv = conv_of (plan, &step->op);
  df_shape out  = df_plan_shape (plan, step->op.out);
  size_t   sums = df_sums_scratch (out.batch, (size_t) out.height * (size_t) out.width, out.channels);
  size_t   need = step->backward ? df_conv_back_scratch (k, &conv, threads)
                                : df_conv_scratch (k, &conv, threads);

  return step->backward && sums > need ? sums : need;
}

size_t
df_exec_scratch (const df_plan *plan, const df_plan_step *step, const df_kernels *k, int threads)
{
  const df_op *op = &step->op;
  df_norm      norm;
  df_attention attention;
  df_rows      rows;

  switch (op->kind)
    {
    case DF_OP_CONV:
      return conv_scratch (plan, step, k, threads);
    case DF_OP_NORM:
      norm = norm_of (plan, op);
      return df_norm_scratch (&norm);
    case DF_OP_ATTENTION:
      attention = attention_of (plan, op);
      return step->backward ? df_attention_back_scratch (k, &attention, threads)
                            : df_attention_scratch (k, &attention, threads);
    case DF_OP_ADD_ROW:
    case DF_OP_SCALE_SHIFT:
      rows = rows_of (plan, op);
      return df_sums_scratch (rows.batch, rows.pixels, rows.channels);
    default:
      return 0;
    }
}

/* ------------------------------------------------------------------ forward */

static void
forward_conv (const place *at)
{
  const df_op *op   = &at->s->op;
  df_conv      conv = conv_of (at->p, op);
  df_conv_io   io   = { .x = buffer (at, op->in[0]), .x2 = buffer (at, op->in[1]), .packed = at->e->bound[op->weight].packed,
                        .bias = at->e->bound[op->bias].raw, .row = buffer (at, op->row),
                        .residual = buffer (at, op->residual), .scale = (float) op->scale,
                        .y = buffer (at, op->out) };

  df_conv_forward (&at->e->ops, &conv, &io);
}

static void
forward_norm (const place *at)
{
  const df_op *op   = &at->s->op;
  df_norm      norm = norm_of (at->p, op);

  df_norm_forward (&at->e->ops, &norm, buffer (at, op->in[0]), buffer (at, op->in[1]),
                   at->e->bound[op->weight].raw, at->e->bound[op->bias].raw, buffer (at, at->s->stats), buffer (at, op->out));
}

static void
forward_rest (const place *at)
{
  const df_op  *op  = &at->s->op;
  const df_ops *ops = &at->e->ops;
  float        *x = buffer (at, op->in[0]), *x1 = buffer (at, op->in[1]), *y = buffer (at, op->out);
  df_rows       rows;
  df_image      small;
  df_attention  attention;

  switch (op->kind)
    {
    case DF_OP_CENTER:
      df_add (ops, x, NULL, 2.0f, -1.0f, y, floats (at, op->out));
      break;
    case DF_OP_TIME:
      df_time_embedding (at->e->t, at->p->size.batch, at->p->graph.values[op->out].channels, op->freq_shift,
                         op->flip, y);
      break;
    case DF_OP_CLASS:
      df_class_embedding (x, at->e->bound[op->weight].raw, at->e->labels, at->p->size.batch,
                          at->p->graph.values[op->out].channels, y);
      break;
    case DF_OP_SILU:
      df_silu (ops, x, y, floats (at, op->out));
      break;
    case DF_OP_ADD:
      df_add (ops, x, x1, (float) op->scale, 0.0f, y, floats (at, op->out));
      break;
    case DF_OP_ADD_ROW:
      rows = rows_of (at->p, op);
      df_add_row (ops, &rows, x, x1, y);
      break;
    case DF_OP_SCALE_SHIFT:
      rows = rows_of (at->p, op);
      df_scale_shift (ops, &rows, x, x1, y);
      break;
    case DF_OP_CONCAT:
      df_concat (ops, df_plan_pixels (at->p, op->out), at->p->graph.values[op->in[0]].channels,
                 at->p->graph.values[op->in[1]].channels, x, x1, y);
      break;
    case DF_OP_UPSAMPLE:
      small = small_image (at->p, op);
      df_upsample (ops, &small, x, y);
      break;
    case DF_OP_AVGPOOL:
      small = small_image (at->p, op);
      df_avgpool (ops, &small, x, y);
      break;
    case DF_OP_ATTENTION:
      attention = attention_of (at->p, op);
      df_attention_forward (ops, &attention, x, x1, buffer (at, op->in[2]), y);
      break;
    case DF_OP_CONV:
    case DF_OP_NORM:
      break;
    }
}

/* ------------------------------------------------------------------ backward */

static void
backward_conv (const place *at)
{
  const df_op    *op     = &at->s->op;
  const df_ops   *ops    = &at->e->ops;
  const df_bound *weight = &at->e->bound[op->weight];
  df_conv         conv   = conv_of (at->p, op);
  df_shape        out    = df_plan_shape (at->p, op->out);
  float          *dy     = buffer (at, at->s->grad_out);

  if (op->scale != 1.0)
    df_axpy (ops, dy, (float) op->scale, dy, floats (at, op->out), false);
  if (grad (at, 4) != NULL)
    df_axpy (ops, dy, 1.0f, grad (at, 4), floats (at, op->out), at->s->add[4]);
  df_row_gradients (ops, out.batch, (size_t) out.height * (size_t) out.width, out.channels, dy, grad (at, 3),
                    at->s->add[3], at->e->bound[op->bias].grad, false);
  df_conv_back_weights (ops, &conv, buffer (at, op->in[0]), dy, weight->grad, false);
  if (grad (at, 0) != NULL)
    df_conv_back_data (ops, &conv, dy, weight->packed_back, grad (at, 0), at->s->add[0]);
}

static void
backward_norm (const place *at)
{
  const df_op *op   = &at->s->op;
  df_norm      norm = norm_of (at->p, op);

  df_norm_backward (&at->e->ops, &norm, buffer (at, op->in[0]), at->e->bound[op->weight].raw,
                    buffer (at, at->s->stats), buffer (at, at->s->grad_out), grad (at, 0), at->s->add[0],
                    at->e->bound[op->weight].grad, at->e->bound[op->bias].grad, false);
}

/* y = (a + b)·scale, x + row, 2x - 1: the gradient is passed on, scaled. */
static void
backward_sum (const place *at)
{
  const df_op *op = &at->s->op;
  float       *dy = buffer (at, at->s->grad_out);
  float        factor = op->kind == DF_OP_CENTER ? 2.0f : (float) op->scale;
  df_rows      rows;

  if (grad (at, 0) != NULL)
    df_axpy (&at->e->ops, dy, factor, grad (at, 0), floats (at, op->out), at->s->add[0]);
  if (grad (at, 1) == NULL)
    return;
  if (op->kind == DF_OP_ADD)
    {
      df_axpy (&at->e->ops, dy, factor, grad (at, 1), floats (at, op->out), at->s->add[1]);
      return;
    }
  rows = rows_of (at->p, op);
  df_row_gradients (&at->e->ops, rows.batch, rows.pixels, rows.channels, dy, grad (at, 1), at->s->add[1], NULL,
                    false);
}

static void
backward_rest (const place *at)
{
  const df_op  *op  = &at->s->op;
  const df_ops *ops = &at->e->ops;
  const bool   *add = at->s->add;
  float        *x = buffer (at, op->in[0]), *x1 = buffer (at, op->in[1]), *dy = buffer (at, at->s->grad_out);
  df_rows       rows;
  df_image      small;
  df_attention  attention;

  switch (op->kind)
    {
    case DF_OP_CENTER:
    case DF_OP_ADD:
    case DF_OP_ADD_ROW:
      backward_sum (at);
      break;
    case DF_OP_CLASS:
      df_class_embedding_backward (dy, at->e->labels, at->p->size.batch,
                                   at->p->graph.values[op->out].channels,
                                   (int) at->p->graph.params[op->weight].shape[0],
                                   at->e->bound[op->weight].grad, false);
      df_axpy (ops, dy, 1.0f, grad (at, 0), floats (at, op->out), add[0]);
      break;
    case DF_OP_SILU:
      df_silu_backward (ops, x, dy, grad (at, 0), floats (at, op->out), add[0]);
      break;
    case DF_OP_SCALE_SHIFT:
      rows = rows_of (at->p, op);
      df_scale_shift_backward (ops, &rows, x, x1, dy, grad (at, 0), add[0], grad (at, 1), add[1]);
      break;
    case DF_OP_CONCAT:
      df_concat_backward (ops, df_plan_pixels (at->p, op->out), at->p->graph.values[op->in[0]].channels,
                          at->p->graph.values[op->in[1]].channels, dy, grad (at, 0), add[0], grad (at, 1),
                          add[1]);
      break;
    case DF_OP_UPSAMPLE:
      small = small_image (at->p, op);
      df_upsample_back (ops, &small, dy, grad (at, 0), add[0]);
      break;
    case DF_OP_AVGPOOL:
      small = small_image (at->p, op);
      df_avgpool_back (ops, &small, dy, grad (at, 0), add[0]);
      break;
    case DF_OP_ATTENTION:
      attention = attention_of (at->p, op);
      df_attention_backward (ops, &attention, x, x1, buffer (at, op->in[2]), dy, grad (at, 0), grad (at, 1),
                             grad (at, 2));
      break;
    case DF_OP_TIME:
    case DF_OP_CONV:
    case DF_OP_NORM:
      break;
    }
}

void
df_exec_step (const df_exec *exec, const df_plan *plan, const df_plan_step *step)
{
  place at = { exec, plan, step };

  if (step->op.kind == DF_OP_CONV)
    (step->backward ? backward_conv : forward_conv) (&at);
  else if (step->op.kind == DF_OP_NORM)
    (step->backward ? backward_norm : forward_norm) (&at);
  else
    (step->backward ? backward_rest : forward_rest) (&at);
}
