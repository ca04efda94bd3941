/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every gradient against torch in float64 (tests/reference/make_gradient_vectors.py). */
#include "vectors.h"

#include "base/alloc.h"
#include "fixture.h"
#include "model/safetensors.h"
#include "ops/conv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *const sets[] = { "gradient-plain", "gradient-google", "gradient-adm" };

typedef struct backward_run
{
  df_network net;
  float    **grads;
} backward_run;

static const float **
weights_of (const df_model *model, const df_graph *graph)
{
  const float **data = df_alloc ((size_t) graph->num_params, sizeof *data);

  for (int i = 0; i < graph->num_params; i++)
    {
      const df_param  *p = &graph->params[i];
      const df_weight *w = df_model_weight (model, p->name, p->dims, p->shape, NULL);

      assert_non_null (w);
      data[i] = w->data;
    }
  return data;
}

static backward_run
run_backward (const char *set, const df_model *model, yyjson_val *entry, df_pool *pool)
{
  vectors_array x      = vectors_load (set, yyjson_get_str (yyjson_obj_get (entry, "x")));
  vectors_array target = vectors_load (set, yyjson_get_str (yyjson_obj_get (entry, "target")));
  const char   *tile   = yyjson_get_str (yyjson_obj_get (entry, "tile"));
  size_t        n = x.shape[0], c = x.shape[1], h = x.shape[2], w = x.shape[3];
  float        *in = vectors_nhwc (x.data, n, c, h, w), *goal = vectors_nhwc (target.data, n, target.shape[1], h, w);
  df_unet_size  size = { (int) n, (int) w, (int) h, strchr (tile, 'x') != NULL, strchr (tile, 'y') != NULL };
  double        t[8], loss = 0;
  int           labels[8];
  df_plan       plan;
  backward_run  r;
  const float **data;
  float        *y, *dy;

  for (size_t i = 0; i < n; i++)
    {
      t[i]      = yyjson_get_num (yyjson_arr_get (yyjson_obj_get (entry, "t"), i));
      labels[i] = yyjson_get_int (yyjson_arr_get (yyjson_obj_get (entry, "labels"), i));
    }
  assert_int_equal (df_plan_build (&plan, &model->unet, &size, DF_PLAN_TRAIN_INPUT, DF_RECOMPUTE_NONE, true,
                                   df_kernels_get (), 2, NULL), DF_OK);
  assert_int_equal (df_network_new (&r.net, &plan, pool, true, NULL, NULL), DF_OK);
  data    = weights_of (model, &r.net.plan.graph);
  r.grads = df_alloc ((size_t) r.net.plan.graph.num_params, sizeof *r.grads);
  for (int i = 0; i < r.net.plan.graph.num_params; i++)
    r.grads[i] = df_alloc (r.net.plan.graph.params[i].count + DF_SLACK, sizeof (float));
  df_network_bind (&r.net, data, DF_LAYOUT_OIHW, NULL, NULL);
  df_network_bind_grads (&r.net, r.grads);
  memcpy (df_network_value (&r.net, r.net.plan.graph.input), in, x.count * sizeof *in);
  assert_int_equal (df_network_forward (&r.net, t, labels, NULL, NULL), DF_OK);
  y  = df_network_value (&r.net, r.net.plan.graph.output);
  dy = df_network_grad_output (&r.net);
  for (size_t i = 0; i < target.count; i++)
    {
      loss += pow ((double) y[i] - goal[i], 2) / (double) target.count;
      dy[i] = 2.0f * (y[i] - goal[i]) / (float) target.count;
    }
  assert_true (fabs (loss / yyjson_get_num (yyjson_obj_get (entry, "loss")) - 1) < 1e-5);
  df_network_backward (&r.net);
  df_free (data); df_free (x.data); df_free (target.data); df_free (in); df_free (goal);
  return r;
}

static double
largest (const float *x, size_t n)
{
  double m = 0;

  for (size_t i = 0; i < n; i++)
    m = fmax (m, fabs (x[i]));
  return m;
}

static float *
load_tensor (const df_safetensors *file, const char *name, size_t count)
{
  const df_tensor_entry *e = df_safetensors_find (file, name);
  float                 *x = df_alloc (count, sizeof *x);

  if (e == NULL || e->count != count)
    fail_msg ("no gradient for %s", name);
  df_tensor_to_float (e, x);
  return x;
}

/* Softmax does not see a constant added to all keys: the gradient of to_k.bias is 0 but for rounding, and is
 * measured against that of to_k.weight. */
static double
scale_of (const df_safetensors *file, const df_param *p, const float *want)
{
  char   name[96];
  float *weight;
  double scale;
  size_t n = strlen (p->name);

  if (n < 9 || strcmp (p->name + n - 9, "to_k.bias") != 0)
    return largest (want, p->count);
  memcpy (name, p->name, n - 4);
  strcpy (name + n - 4, "weight");
  weight = load_tensor (file, name, df_safetensors_find (file, name)->count);
  scale  = largest (weight, df_safetensors_find (file, name)->count);
  df_free (weight);
  return scale;
}

static double
compare_param (const df_safetensors *file, const df_param *p, const float *grad)
{
  float *want = load_tensor (file, p->name, p->count);
  double worst = 0, scale = scale_of (file, p, want);
  int    k = p->kernel;

  for (size_t j = 0; j < p->count; j++)
    {
      size_t at = j;

      if (p->kind == DF_PARAM_CONV)
        {
          size_t x = j % (size_t) k, y = j / (size_t) k % (size_t) k, i = j / (size_t) (k * k) % (size_t) p->in;

          at = ((y * (size_t) k + x) * (size_t) p->in + i) * (size_t) p->out + j / (size_t) (k * k * p->in);
        }
      worst = fmax (worst, fabs ((double) grad[at] - want[j]));
    }
  df_free (want);
  return worst / scale;
}

static void
compare_all (const char *set, yyjson_val *entry, const backward_run *r)
{
  const df_graph *g = &r->net.plan.graph;
  double          tolerance = yyjson_get_num (yyjson_obj_get (entry, "tolerance")), worst = 0;
  char            path[1024];
  df_safetensors *file;
  df_shape        s = df_plan_shape (&r->net.plan, g->input);
  size_t          n = r->net.plan.buffers[g->input].floats;
  float          *input, *nhwc;

  vectors_path (path, sizeof path, set, yyjson_get_str (yyjson_obj_get (entry, "gradients")));
  assert_int_equal (df_safetensors_open (&file, path, NULL), DF_OK);
  for (int i = 0; i < g->num_params; i++)
    {
      double error = compare_param (file, &g->params[i], r->grads[i]);

      if (!(error <= tolerance))
        fail_msg ("%s %s: relative error %.2e", set, g->params[i].name, error);
      worst = fmax (worst, error);
    }
  input = load_tensor (file, yyjson_get_str (yyjson_obj_get (entry, "input_gradient")), n);
  nhwc  = vectors_nhwc (input, (size_t) s.batch, (size_t) s.channels, (size_t) s.height, (size_t) s.width);
  for (size_t i = 0; i < n; i++)
    assert_true (fabs (df_network_grad_input (&r->net)[i] - nhwc[i]) <= tolerance * largest (nhwc, n));
  print_message ("%-16s %-8s worst relative error %.2e\n", set, yyjson_get_str (yyjson_obj_get (entry, "name")), worst);
  df_free (input);
  df_free (nhwc);
  df_safetensors_close (file);
}

static void
run_case (const char *set, const df_model *model, yyjson_val *entry, df_pool *pool)
{
  backward_run r = run_backward (set, model, entry, pool);

  compare_all (set, entry, &r);
  for (int p = 0; p < r.net.plan.graph.num_params; p++)
    df_free (r.grads[p]);
  df_free (r.grads);
  df_network_clear (&r.net);
}

static void
gradients_are_torchs (void **state)
{
  (void) state;
  vectors_each_case (sets, sizeof sets / sizeof *sets, run_case);
}

int
main (void)
{
  const struct CMUnitTest tests[] = { cmocka_unit_test (gradients_are_torchs) };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
