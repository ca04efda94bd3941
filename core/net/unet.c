/* SPDX-License-Identifier: GPL-3.0-or-later */
/* unet: see unet.h. A network planned for inference and bound to a model's weights. */
#include "net/unet.h"

#include "base/alloc.h"
#include "base/cpu.h"
#include "model/safetensors.h"
#include "net/network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct df_unet
{
  df_network      net;
  int             classes;
  char          (*row_names)[96];    /* while profiling */
};

/* Every weight the plan's graph asks for, in its order. */
static df_status
find_weights (const df_model *model, const df_graph *graph, const float **data, df_error *err)
{
  for (int i = 0; i < graph->num_params; i++)
    {
      const df_param  *p = &graph->params[i];
      const df_weight *w = df_model_weight (model, p->name, p->dims, p->shape, err);

      if (w == NULL)
        return err != NULL ? err->status : DF_ERROR_FORMAT;
      data[i] = w->data;
    }
  return DF_OK;
}

/* A packed tensor need not stay in memory beside its packed form. */
static void
forget (void *user, const float *weights, size_t floats)
{
  df_safetensors_forget (user, weights, floats * sizeof *weights);
}

static df_status
bind_model (df_network *net, const df_model *model, df_error *err)
{
  const float **data = df_alloc ((size_t) net->plan.graph.num_params, sizeof *data);
  df_status     status;

  if (data == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory while the weights were bound.");
  status = find_weights (model, &net->plan.graph, data, err);
  if (status == DF_OK)
    df_network_bind (net, data, DF_LAYOUT_OIHW, forget, model->file);
  df_free (data);
  return status;
}

df_status
df_unet_forecast (const df_model *model, const df_unet_size *size, int threads, df_unet_cost *out, df_error *err)
{
  const df_kernels *k = df_kernels_get ();
  df_plan           plan;

  DF_TRY (df_plan_build (&plan, &model->unet, size, DF_PLAN_FORWARD, DF_RECOMPUTE_NONE, !df_cpu_plain (), k,
                         threads, err));
  out->bytes = df_network_bytes (&plan, k, false) + sizeof (df_unet);
  out->flops = plan.flops;
  out->cost  = plan.cost;
  df_plan_clear (&plan);
  return DF_OK;
}

df_status
df_unet_new (df_unet **out, const df_model *model, const df_unet_size *size, df_pool *pool, df_error *err)
{
  df_unet  *unet = df_alloc (1, sizeof *unet);
  df_plan   plan;
  df_status status;

  *out = NULL;
  if (unet == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory for the network.");
  unet->classes = model->unet.num_class_embeds;
  status = df_plan_build (&plan, &model->unet, size, DF_PLAN_FORWARD, DF_RECOMPUTE_NONE, !df_cpu_plain (),
                          df_kernels_get (), df_pool_threads (pool), err);
  if (status == DF_OK)
    status = df_network_new (&unet->net, &plan, pool, false, NULL, err);
  if (status == DF_OK)
    status = bind_model (&unet->net, model, err);
  if (status == DF_OK)
    *out = unet;
  else
    df_unet_free (unet);
  return status;
}

void
df_unet_free (df_unet *unet)
{
  if (unet == NULL)
    return;
  df_network_clear (&unet->net);
  df_free (unet->row_names);
  df_free (unet);
}

static df_status
check_labels (const df_unet *unet, const int *labels, df_error *err)
{
  if (unet->classes == 0)
    return DF_OK;
  if (labels == NULL)
    return df_fail (err, DF_ERROR_ARGUMENT, "This model is class-conditional: choose a class.");
  for (int i = 0; i < unet->net.plan.size.batch; i++)
    if (labels[i] < 0 || labels[i] >= unet->classes)
      return df_fail (err, DF_ERROR_ARGUMENT, "Class %d does not exist: this model has 0 to %d.", labels[i],
                      unet->classes - 1);
  return DF_OK;
}

df_status
df_unet_eval (df_unet *unet, const float *x, const double *t, const int *labels, const df_progress *progress,
              float *out, df_error *err)
{
  const df_graph *graph = &unet->net.plan.graph;
  size_t          n_in  = unet->net.plan.buffers[graph->input].floats;
  size_t          n_out = unet->net.plan.buffers[graph->output].floats;
  const float    *y;

  DF_TRY (check_labels (unet, labels, err));
  memcpy (df_network_value (&unet->net, graph->input), x, n_in * sizeof *x);
  DF_TRY (df_network_forward (&unet->net, t, labels, progress, err));
  y = df_network_value (&unet->net, graph->output);
  for (size_t i = 0; i < n_out; i++)
    {
      if (!isfinite (y[i]))
        return df_fail (err, DF_ERROR_NUMERIC,
                        "The network's result is not finite: the model or its input is damaged.");
      out[i] = y[i];
    }
  return DF_OK;
}

/* ------------------------------------------------------------------ profile */

static const char *const kind_names[] = {
  "center", "time", "class", "conv", "norm", "silu", "add", "add row", "scale shift", "concat", "upsample",
  "avgpool", "attention",
};

void
df_unet_profile_start (df_unet *unet)
{
  size_t steps = (size_t) unet->net.plan.num_steps;

  if (unet->row_names == NULL)
    unet->row_names = df_alloc (steps, sizeof *unet->row_names);
  if (unet->net.seconds == NULL)
    unet->net.seconds = df_alloc (steps, sizeof *unet->net.seconds);
  if (unet->net.seconds != NULL)
    memset (unet->net.seconds, 0, steps * sizeof *unet->net.seconds);
}

size_t
df_unet_profile_rows (const df_unet *unet, df_profile_row *rows, size_t max)
{
  size_t steps = (size_t) unet->net.plan.num_steps;

  if (unet->net.seconds == NULL || unet->row_names == NULL)
    return 0;
  for (size_t i = 0; i < steps && i < max; i++)
    {
      const df_plan_step *step = &unet->net.plan.steps[i];

      snprintf (unet->row_names[i], sizeof unet->row_names[i], "%s %s", kind_names[step->op.kind], step->op.name);
      rows[i] = (df_profile_row) { unet->row_names[i], unet->net.seconds[i], step->flops, step->bytes };
    }
  return steps;
}
