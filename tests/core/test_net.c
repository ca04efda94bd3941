/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The network: plan, fused and unfused, against the reference interpreter; bit identity over batch and threads;
 * every gradient against central differences of the reference in double precision. */
#include "fixture.h"

#include "base/alloc.h"
#include "net/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { BATCH = 2, MAX_CASES = 6 };

static df_unet_config
config_of (int which)
{
  df_unet_config c = fixture_config ();

  switch (which)
    {
    case 0:      /* what we ship: no attention */
      break;
    case 1:      /* google style */
      c.downsample_padding = 0;
      c.down_attention[1] = c.up_attention[0] = c.add_attention = true;
      c.attention_head_dim = 0;
      break;
    case 2:      /* class default, heads that do not divide */
      c.down_attention[1] = c.up_attention[0] = c.add_attention = true;
      c.attention_head_dim = 5;
      c.freq_shift = 0;
      c.flip_sin_to_cos = true;
      c.layers_per_block = 2;
      break;
    case 3:      /* ADM style */
      c.resnet_time_scale_shift = DF_TIME_SCALE_SHIFT;
      c.down_resample[0] = c.up_resample[0] = DF_RESAMPLE_RESNET;
      c.num_class_embeds = 5;
      c.add_attention = true;
      c.attn_norm_num_groups = 0;
      break;
    case 4:      /* centred input, scaled mid block, RGBA */
      c.center_input_sample = true;
      c.mid_block_scale_factor = 1.4142;
      c.in_channels = c.out_channels = 4;
      c.num_class_embeds = 3;
      break;
    default:     /* grey, three levels */
      c.levels = 3;
      c.block_out_channels[2] = 12;
      c.in_channels = c.out_channels = 1;
      break;
    }
  return c;
}

typedef struct run
{
  df_unet_config config;
  df_unet_size   size;
  df_graph       graph;
  fixture_params params;
  float         *x, *target;
  size_t         n_in, n_out;
  double         t[BATCH];
  int            labels[BATCH];
} run;

static run
run_new (int which)
{
  run         r   = { .config = config_of (which), .size = { BATCH, 8, 12, which == 0, which == 5 },
                      .t = { 3.0, 700.5 }, .labels = { 2, 0 } };
  fixture_rng rng = { (uint64_t) which + 10 };

  assert_int_equal (df_graph_build (&r.graph, &r.config, NULL), DF_OK);
  r.params = fixture_params_new (&r.graph, &rng);
  r.n_in   = (size_t) (BATCH * 8 * 12 * r.config.in_channels);
  r.n_out  = (size_t) (BATCH * 8 * 12 * r.config.out_channels);
  r.x      = fixture_floats (&rng, r.n_in, 1);
  r.target = fixture_floats (&rng, r.n_out, 1);
  return r;
}

static void
run_free (run *r)
{
  fixture_params_free (&r->params);
  df_graph_clear (&r->graph);
  df_free (r->x);
  df_free (r->target);
}

static void
forward (const run *r, const df_unet_size *size, bool fuse, int threads, const float *x, const double *t,
         const int *labels, float *out)
{
  df_pool   *pool = df_pool_new (threads);
  df_plan    plan;
  df_network net;

  assert_int_equal (df_plan_build (&plan, &r->config, size, DF_PLAN_FORWARD, DF_RECOMPUTE_NONE, fuse, df_kernels_get (),
                                   threads, NULL), DF_OK);
  assert_int_equal (df_network_new (&net, &plan, pool, false, NULL, NULL), DF_OK);
  df_network_bind (&net, (const float *const *) r->params.as_file, DF_LAYOUT_OIHW, NULL, NULL);
  memcpy (df_network_value (&net, net.plan.graph.input), x,
          net.plan.buffers[net.plan.graph.input].floats * sizeof *x);
  assert_int_equal (df_network_forward (&net, t, labels, NULL, NULL), DF_OK);
  memcpy (out, df_network_value (&net, net.plan.graph.output),
          net.plan.buffers[net.plan.graph.output].floats * sizeof *out);
  df_network_clear (&net);
  df_pool_free (pool);
}

static void
plans_agree_with_the_reference (void **state)
{
  (void) state;
  for (int which = 0; which < MAX_CASES; which++)
    {
      run     r = run_new (which);
      float  *fused = df_alloc (r.n_out, sizeof *fused), *plain = df_alloc (r.n_out, sizeof *plain);
      double *x = fixture_doubles (r.x, r.n_in), *want = df_alloc (r.n_out, sizeof *want);

      forward (&r, &r.size, true, 2, r.x, r.t, r.labels, fused);
      forward (&r, &r.size, false, 1, r.x, r.t, r.labels, plain);
      assert_int_equal (df_reference_run (&r.graph, &r.size, (const double *const *) r.params.doubles, x, r.t,
                                          r.labels, want, NULL), DF_OK);
      assert_true (fixture_error (fused, want, r.n_out) < 2e-5);
      assert_true (fixture_error (plain, want, r.n_out) < 2e-5);
      df_free (fused); df_free (plain); df_free (x); df_free (want);
      run_free (&r);
    }
}

static void
bits_do_not_depend_on_batch_or_threads (void **state)
{
  (void) state;
  for (int which = 0; which < MAX_CASES; which++)
    {
      run          r   = run_new (which);
      df_unet_size one = r.size;
      float       *all = df_alloc (r.n_out, sizeof *all), *single = df_alloc (r.n_out, sizeof *single);

      one.batch = 1;
      forward (&r, &r.size, true, 2, r.x, r.t, r.labels, all);
      for (size_t i = 0; i < BATCH; i++)
        forward (&r, &one, true, 1, r.x + i * r.n_in / BATCH, r.t + i, r.labels + i, single + i * r.n_out / BATCH);
      assert_memory_equal (all, single, r.n_out * sizeof *all);
      df_free (all); df_free (single);
      run_free (&r);
    }
}

/* L = Σ (out - target)² / n */
static double
loss_of (const run *r, const double *x)
{
  double *out = df_alloc (r->n_out, sizeof *out), loss = 0;

  assert_int_equal (df_reference_run (&r->graph, &r->size, (const double *const *) r->params.doubles, x, r->t,
                                      r->labels, out, NULL), DF_OK);
  for (size_t i = 0; i < r->n_out; i++)
    loss += pow (out[i] - r->target[i], 2) / (double) r->n_out;
  df_free (out);
  return loss;
}

static df_network
train_once (const run *r, df_pool *pool, int recompute)
{
  df_plan    plan;
  df_network net;
  float     *y, *dy;

  assert_int_equal (df_plan_build (&plan, &r->config, &r->size, DF_PLAN_TRAIN_INPUT, recompute, true, df_kernels_get (),
                                   2, NULL), DF_OK);
  assert_int_equal (df_network_new (&net, &plan, pool, true, NULL, NULL), DF_OK);
  df_network_bind (&net, (const float *const *) r->params.hwio, DF_LAYOUT_HWIO, NULL, NULL);
  df_network_bind_grads (&net, r->params.grads);
  memcpy (df_network_value (&net, net.plan.graph.input), r->x, r->n_in * sizeof *r->x);
  assert_int_equal (df_network_forward (&net, r->t, r->labels, NULL, NULL), DF_OK);
  y  = df_network_value (&net, net.plan.graph.output);
  dy = df_network_grad_output (&net);
  for (size_t i = 0; i < r->n_out; i++)
    dy[i] = 2.0f * (y[i] - r->target[i]) / (float) r->n_out;
  df_network_backward (&net);
  return net;
}

/* Where element j of a file's conv weight lies in HWIO. */
static size_t
hwio_index (const df_param *p, size_t j)
{
  size_t k = (size_t) p->kernel, x = j % k, y = j / k % k, i = j / k / k % (size_t) p->in, o = j / k / k / (size_t) p->in;

  return p->kind == DF_PARAM_CONV ? ((y * k + x) * (size_t) p->in + i) * (size_t) p->out + o : j;
}

static double
difference (const run *r, double *at, const double *x)
{
  double keep = *at, h = 1e-4, up, down;

  *at  = keep + h;
  up   = loss_of (r, x);
  *at  = keep - h;
  down = loss_of (r, x);
  *at  = keep;
  return (up - down) / (2 * h);
}

static void
gradients_are_finite_differences (void **state)
{
  df_pool *pool = df_pool_new (2);

  (void) state;
  for (int which = 0; which < MAX_CASES; which++)
    {
      run        r   = run_new (which);
      double    *x   = fixture_doubles (r.x, r.n_in);
      df_network net = train_once (&r, pool, DF_RECOMPUTE_NONE);

      for (int i = 0; i < r.graph.num_params; i++)
        {
          const df_param *p = &r.graph.params[i];
          double          scale = 0;

          for (size_t j = 0; j < p->count; j++)
            scale = fmax (scale, fabs (r.params.grads[i][j]));
          for (size_t j = i % 3; j < p->count; j += p->count / 2 + 1)
            {
              double want = difference (&r, &r.params.doubles[i][j], x);

              assert_true (fabs (r.params.grads[i][hwio_index (p, j)] - want) <= 1e-4 * scale + 1e-8);
            }
        }
      for (size_t j = 0; j < r.n_in; j += r.n_in / 3)
        {
          double want = difference (&r, &x[j], x);

          assert_true (fabs (df_network_grad_input (&net)[j] - want) <= 1e-4 * fabs (want) + 1e-7);
        }
      df_network_clear (&net);
      df_free (x);
      run_free (&r);
    }
  df_pool_free (pool);
}

/* What backward reads may be kept or computed again: the same gradients to the bit, in an arena that is never larger. */
static void
bits_do_not_depend_on_what_is_computed_again (void **state)
{
  df_pool *pool = df_pool_new (2);

  (void) state;
  for (int which = 0; which < MAX_CASES; which++)
    {
      run        r    = run_new (which), other = run_new (which);
      df_network kept = train_once (&r, pool, DF_RECOMPUTE_NONE);

      for (int recompute = 1; recompute <= DF_RECOMPUTE_MOST; recompute++)
        {
          df_network again = train_once (&other, pool, recompute);

          assert_memory_equal (df_network_grad_input (&kept), df_network_grad_input (&again), r.n_in * sizeof (float));
          for (int i = 0; i < r.graph.num_params; i++)
            {
              size_t bytes = r.graph.params[i].count * sizeof (float);

              assert_memory_equal (r.params.grads[i], other.params.grads[i], bytes);
              memset (other.params.grads[i], 0xff, bytes);
            }
          assert_true (again.plan.num_steps > kept.plan.num_steps);
          assert_true (again.plan.arena < kept.plan.arena);
          df_network_clear (&again);
        }
      df_network_clear (&kept);
      run_free (&r);
      run_free (&other);
    }
  df_pool_free (pool);
}

static void
buffers_that_live_together_do_not_overlap (void **state)
{
  (void) state;
  for (int which = 0; which < MAX_CASES; which++)
    for (int recompute = DF_RECOMPUTE_NONE - 1; recompute <= DF_RECOMPUTE_MOST; recompute++)
      {
        df_plan_mode   mode = recompute < DF_RECOMPUTE_NONE ? DF_PLAN_FORWARD : DF_PLAN_TRAIN;
        df_unet_config c    = config_of (which);
        df_unet_size   size = { 2, 8, 8, false, false };
        df_plan        plan;

        assert_int_equal (df_plan_build (&plan, &c, &size, mode, recompute, true, df_kernels_get (), 2, NULL),
                          DF_OK);
        for (int i = 0; i < plan.num_buffers; i++)
          for (int j = 0; j < i; j++)
            {
              const df_buffer *a = &plan.buffers[i], *b = &plan.buffers[j];

              if (a->first < 0 || b->first < 0 || a->last < b->first || b->last < a->first)
                continue;
              assert_true (a->offset + a->floats <= b->offset || b->offset + b->floats <= a->offset);
            }
        df_plan_clear (&plan);
      }
}

static void
wrong_sizes_are_refused (void **state)
{
  df_unet_config c    = fixture_config ();
  df_unet_size   size = { 1, 9, 8, false, false };
  df_plan        plan;
  df_error       err;

  (void) state;
  assert_int_equal (df_plan_build (&plan, &c, &size, DF_PLAN_FORWARD, DF_RECOMPUTE_NONE, true, df_kernels_get (), 1,
                                   &err), DF_ERROR_ARGUMENT);
  assert_non_null (strstr (err.text, "multiples of 2"));
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (plans_agree_with_the_reference),
    cmocka_unit_test (bits_do_not_depend_on_batch_or_threads),
    cmocka_unit_test (gradients_are_finite_differences),
    cmocka_unit_test (bits_do_not_depend_on_what_is_computed_again),
    cmocka_unit_test (buffers_that_live_together_do_not_overlap),
    cmocka_unit_test (wrong_sizes_are_refused),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
