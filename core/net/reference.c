/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reference: see reference.h. Every value gets a buffer of its own; nothing is reused. */
#include "net/reference.h"

#include "base/alloc.h"
#include "ops/attention.h"
#include "ops/conv.h"
#include "ops/norm.h"
#include "ops/resample.h"

#include <math.h>
#include <string.h>

typedef struct interpreter
{
  const df_graph      *g;
  const df_unet_size  *size;
  const double *const *params;
  const double        *t;
  const int           *labels;
  double             **values;
} interpreter;

static int
side (const interpreter *r, int value, bool vertical)
{
  df_value v = r->g->values[value];

  return v.row ? 1 : (vertical ? r->size->height : r->size->width) >> v.level;
}

static size_t
pixels (const interpreter *r, int value)
{
  return (size_t) side (r, value, true) * (size_t) side (r, value, false);
}

static size_t
count (const interpreter *r, int value)
{
  return (size_t) r->size->batch * pixels (r, value) * (size_t) r->g->values[value].channels;
}

static void
run_conv (const interpreter *r, const df_op *op)
{
  const df_param *w    = &r->g->params[op->weight];
  df_conv         conv = { .batch = r->size->batch, .height = side (r, op->in[0], true),
                           .width = side (r, op->in[0], false), .in = w->in, .out = w->out,
                           .kernel = op->kernel, .stride = op->stride, .pad_end = op->pad_end,
                           .tile_x = r->size->tile_x, .tile_y = r->size->tile_y };

  df_conv_reference (&conv, r->values[op->in[0]], r->params[op->weight], r->params[op->bias],
                     r->values[op->out]);
}

static void
run_time (const interpreter *r, const df_op *op)
{
  int half = r->g->values[op->out].channels / 2;

  for (int n = 0; n < r->size->batch; n++)
    for (int i = 0; i < half; i++)
      {
        double  angle = r->t[n] * exp (-log (10000.0) * i / (half - op->freq_shift));
        double *y     = r->values[op->out] + 2 * (size_t) n * (size_t) half;

        y[op->flip ? half + i : i] = sin (angle);
        y[op->flip ? i : half + i] = cos (angle);
      }
}

/* Operations where output i depends on input i, its image n and channel c. */
static double
pointwise (const interpreter *r, const df_op *op, size_t i, size_t n, size_t c)
{
  double        x = r->values[op->in[0]][i];
  size_t        channels = (size_t) r->g->values[op->out].channels;
  const double *second = op->in[1] == DF_NONE ? NULL : r->values[op->in[1]];

  switch (op->kind)
    {
    case DF_OP_CENTER:      return 2.0 * x - 1.0;
    case DF_OP_SILU:        return x / (1.0 + exp (-x));
    case DF_OP_ADD:         return (x + second[i]) * op->scale;
    case DF_OP_ADD_ROW:     return x + second[n * channels + c];
    case DF_OP_SCALE_SHIFT: return x * (1.0 + second[n * 2 * channels + c]) + second[n * 2 * channels + channels + c];
    case DF_OP_CLASS:       return x + r->params[op->weight][(size_t) r->labels[n] * channels + c];
    default:                return NAN;
    }
}

static void
run_concat (const interpreter *r, const df_op *op)
{
  size_t ca = (size_t) r->g->values[op->in[0]].channels, cb = (size_t) r->g->values[op->in[1]].channels;

  for (size_t p = 0; p < (size_t) r->size->batch * pixels (r, op->out); p++)
    {
      memcpy (r->values[op->out] + p * (ca + cb), r->values[op->in[0]] + p * ca, ca * sizeof (double));
      memcpy (r->values[op->out] + p * (ca + cb) + ca, r->values[op->in[1]] + p * cb, cb * sizeof (double));
    }
}

static void
run_op (const interpreter *r, const df_op *op)
{
  int      channels = r->g->values[op->out].channels;
  size_t   per      = pixels (r, op->out) * (size_t) channels;
  double  *x        = op->in[0] == DF_NONE ? NULL : r->values[op->in[0]], *y = r->values[op->out];
  int      small    = op->kind == DF_OP_UPSAMPLE ? op->in[0] : op->out;
  df_image image    = { r->size->batch, side (r, small, true), side (r, small, false), channels };
  df_norm  norm     = { .batch = r->size->batch, .channels = channels, .groups = op->groups,
                        .pixels = pixels (r, op->out), .eps = op->eps };
  df_attention attention = { .batch = r->size->batch, .heads = op->heads, .pixels = norm.pixels,
                             .dim = op->heads > 0 ? channels / op->heads : 0 };

  if (op->kind == DF_OP_CONV)
    run_conv (r, op);
  else if (op->kind == DF_OP_TIME)
    run_time (r, op);
  else if (op->kind == DF_OP_NORM)
    df_norm_reference (&norm, x, r->params[op->weight], r->params[op->bias], y);
  else if (op->kind == DF_OP_CONCAT)
    run_concat (r, op);
  else if (op->kind == DF_OP_UPSAMPLE)
    df_upsample_reference (&image, x, y);
  else if (op->kind == DF_OP_AVGPOOL)
    df_avgpool_reference (&image, x, y);
  else if (op->kind == DF_OP_ATTENTION)
    df_attention_reference (&attention, x, r->values[op->in[1]], r->values[op->in[2]], y);
  else
    for (size_t i = 0; i < count (r, op->out); i++)
      y[i] = pointwise (r, op, i, i / per, i % (size_t) channels);
}

df_status
df_reference_run (const df_graph *graph, const df_unet_size *size, const double *const *params,
                  const double *x, const double *t, const int *labels, double *out, df_error *err)
{
  interpreter r = { graph, size, params, t, labels, df_alloc ((size_t) graph->num_values, sizeof (double *)) };
  bool        fine = r.values != NULL;

  for (int v = 0; fine && v < graph->num_values; v++)
    fine = (r.values[v] = df_alloc (count (&r, v), sizeof (double))) != NULL;
  if (fine)
    {
      memcpy (r.values[graph->input], x, count (&r, graph->input) * sizeof *x);
      for (int i = 0; i < graph->num_ops; i++)
        run_op (&r, &graph->ops[i]);
      memcpy (out, r.values[graph->output], count (&r, graph->output) * sizeof *out);
    }
  for (int v = 0; r.values != NULL && v < graph->num_values; v++)
    df_free (r.values[v]);
  df_free (r.values);
  return fine ? DF_OK : df_fail (err, DF_ERROR_MEMORY, "Out of memory for the reference.");
}
