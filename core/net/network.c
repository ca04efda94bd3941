/* SPDX-License-Identifier: GPL-3.0-or-later */
/* network: see network.h. */
#include "net/network.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "ops/conv.h"

#include <string.h>

static size_t
packed_floats (const df_plan *plan, const df_kernels *k, bool train, int param)
{
  const df_param *p = &plan->graph.params[param];
  size_t          n = 0;

  if (p->kind != DF_PARAM_CONV)
    return 0;
  n = df_conv_packed_floats (k, plan->algos[param], p->in, p->out, p->kernel);
  return train ? n + df_conv_packed_floats (k, plan->algos[param], p->out, p->in, p->kernel) : n;
}

size_t
df_network_block (const df_plan *plan, const df_kernels *k, bool train)
{
  size_t n = plan->arena + plan->scratch;

  for (int i = 0; i < plan->graph.num_params; i++)
    n += packed_floats (plan, k, train, i);
  return (n + DF_SLACK) * sizeof (float);
}

size_t
df_network_bytes (const df_plan *plan, const df_kernels *k, bool train)
{
  return df_network_block (plan, k, train) + (size_t) plan->graph.num_params * sizeof (df_bound) + df_plan_bytes (plan);
}

df_status
df_network_new (df_network *out, df_plan *plan, df_pool *pool, bool train, float *block, df_error *err)
{
  float *packed;

  memset (out, 0, sizeof *out);
  out->plan   = *plan;
  out->k      = df_kernels_get ();
  out->pool   = pool;
  out->train  = train;
  out->bound  = df_alloc ((size_t) plan->graph.num_params, sizeof *out->bound);
  out->bytes  = block == NULL ? df_network_block (plan, out->k, train) : 0;
  out->memory = block == NULL ? df_alloc_pages (out->bytes) : block;
  memset (plan, 0, sizeof *plan);
  if (out->bound == NULL || out->memory == NULL)
    {
      df_network_clear (out);
      return df_fail (err, DF_ERROR_MEMORY,
                      "Out of memory for the network: choose a smaller picture or close other programs.");
    }
  out->exec = (df_exec) { .ops = { out->k, pool, out->memory + out->plan.arena }, .arena = out->memory,
                          .bound = out->bound };
  packed = out->memory + out->plan.arena + out->plan.scratch;
  for (int i = 0; i < out->plan.graph.num_params; i++)
    {
      const df_param *p = &out->plan.graph.params[i];

      if (p->kind != DF_PARAM_CONV)
        continue;
      out->bound[i].packed = packed;
      if (train)
        out->bound[i].packed_back = packed + df_conv_packed_floats (out->k, out->plan.algos[i], p->in, p->out, p->kernel);
      packed += packed_floats (&out->plan, out->k, train, i);
    }
  return DF_OK;
}

void
df_network_clear (df_network *net)
{
  df_plan_clear (&net->plan);
  if (net->bytes > 0)
    df_free_pages (net->memory, net->bytes);
  df_free (net->bound);
  df_free (net->seconds);
  memset (net, 0, sizeof *net);
}

/* ------------------------------------------------------------------ parameters */

typedef struct bind_job
{
  df_packed_fn        done;
  void               *user;
  df_network         *net;
  const float *const *data;
  df_weight_layout    layout;
} bind_job;

static void
bind_param (void *ctx, size_t param, int worker)
{
  const bind_job *job   = ctx;
  const df_param *p     = &job->net->plan.graph.params[param];
  df_bound       *bound = &job->net->bound[param];
  const float    *w     = job->data[param];
  df_conv_layout  layout = job->layout == DF_LAYOUT_OIHW ? df_conv_oihw (p->in, p->kernel)
                                                         : df_conv_hwio (p->in, p->out, p->kernel);
  df_conv_algo    algo   = job->net->plan.algos[param];

  (void) worker;
  if (p->kind != DF_PARAM_CONV)
    {
      bound->raw = w;
      return;
    }
  df_conv_pack (job->net->k, algo, w, layout, p->in, p->out, p->kernel, false, bound->packed);
  if (bound->packed_back != NULL)
    df_conv_pack (job->net->k, algo, w, layout, p->in, p->out, p->kernel, true, bound->packed_back);
  if (job->done != NULL)
    job->done (job->user, w, p->count);
}

void
df_network_bind (df_network *net, const float *const *data, df_weight_layout layout, df_packed_fn done, void *user)
{
  bind_job job = { done, user, net, data, layout };

  df_pool_run (net->pool, (size_t) net->plan.graph.num_params, bind_param, &job);
}

void
df_network_bind_grads (df_network *net, float *const *grads)
{
  for (int i = 0; i < net->plan.graph.num_params; i++)
    net->bound[i].grad = grads[i];
}

/* ------------------------------------------------------------------ running */

static float *
buffer_at (const df_network *net, int buffer)
{
  return buffer == DF_NONE ? NULL : net->memory + net->plan.buffers[buffer].offset;
}

float *
df_network_value (const df_network *net, int value)
{
  return buffer_at (net, value);
}

float *
df_network_grad_output (const df_network *net)
{
  return buffer_at (net, net->plan.grad_output);
}

float *
df_network_grad_input (const df_network *net)
{
  return buffer_at (net, net->plan.grad_input);
}

static void
run_step (df_network *net, int index)
{
  double start = net->seconds != NULL ? df_seconds () : 0.0;

  df_exec_step (&net->exec, &net->plan, &net->plan.steps[index]);
  if (net->seconds != NULL)
    net->seconds[index] += df_seconds () - start;
}

df_status
df_network_forward (df_network *net, const double *t, const int *labels, const df_progress *progress,
                    df_error *err)
{
  double done = 0.0;

  net->exec.t      = t;
  net->exec.labels = labels;
  for (int i = 0; i < net->plan.num_forward; i++)
    {
      run_step (net, i);
      done += df_plan_step_cost (&net->plan.steps[i]);
      if (progress != NULL && progress->go_on != NULL &&
          !progress->go_on (progress->user, done / net->plan.cost))
        return df_fail (err, DF_CANCELLED, "Stopped.");
    }
  return DF_OK;
}

void
df_network_backward (df_network *net)
{
  for (int i = net->plan.num_forward; i < net->plan.num_steps; i++)
    run_step (net, i);
}
