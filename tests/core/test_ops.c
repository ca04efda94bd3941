/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every operation against its double-precision specification, on odd shapes; and the law of bit identity. */
#include "fixture.h"

#include "base/alloc.h"
#include "ops/attention.h"
#include "ops/conv.h"
#include "ops/embed.h"
#include "ops/norm.h"
#include "ops/pointwise.h"
#include "ops/resample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TOLERANCE 5e-6

static df_pool *pool_of[3];

static df_ops
ops_with (int threads, size_t scratch)
{
  return (df_ops) { df_kernels_get (), pool_of[threads], df_alloc (scratch + DF_SLACK, sizeof (float)) };
}

static size_t
out_floats (const df_conv *conv)
{
  return (size_t) conv->batch * (size_t) df_conv_out_height (conv) * (size_t) df_conv_out_width (conv) *
         (size_t) conv->out;
}

static size_t
in_floats (const df_conv *conv)
{
  return (size_t) conv->batch * (size_t) conv->height * (size_t) conv->width * (size_t) conv->in;
}

static void
run_forward (const df_conv *conv, int threads, const float *x, const float *w, const float *bias, float *y)
{
  df_ops     ops    = ops_with (threads, df_conv_scratch (df_kernels_get (), conv, threads));
  float     *packed = df_alloc (df_conv_packed_floats (ops.k, conv->algo, conv->in, conv->out, conv->kernel), sizeof *packed);
  df_conv_io io     = { .x = x, .packed = packed, .bias = bias, .scale = 1.0f, .y = y };

  df_conv_pack (ops.k, conv->algo, w, df_conv_oihw (conv->in, conv->kernel), conv->in, conv->out, conv->kernel, false, packed);
  df_conv_forward (&ops, conv, &io);
  df_free (packed);
  df_free (ops.scratch);
}

static const df_conv convs[] = {
  { 1, 1, 1, 3, 5, 3, 1, false, false, false, false, DF_CONV_DIRECT, 0 },
  { 2, 7, 13, 3, 17, 3, 1, false, false, false, false, DF_CONV_DIRECT, 0 },
  { 1, 7, 13, 20, 33, 3, 1, false, false, true, false, DF_CONV_DIRECT, 0 },
  { 1, 9, 5, 33, 64, 3, 1, false, false, true, true, DF_CONV_DIRECT, 0 },
  { 2, 8, 6, 16, 24, 3, 2, false, false, false, false, DF_CONV_DIRECT, 0 },
  { 2, 8, 6, 16, 24, 3, 2, true, false, false, false, DF_CONV_DIRECT, 0 },
  { 1, 8, 10, 7, 3, 3, 2, true, false, true, true, DF_CONV_DIRECT, 0 },
  { 1, 8, 10, 7, 3, 3, 2, false, false, false, true, DF_CONV_DIRECT, 0 },
  { 2, 5, 3, 18, 40, 3, 1, false, true, false, false, DF_CONV_DIRECT, 0 },
  { 1, 4, 6, 18, 16, 3, 1, false, true, true, true, DF_CONV_DIRECT, 0 },
  { 1, 1, 37, 50, 70, 1, 1, false, false, false, false, DF_CONV_DIRECT, 0 },
  { 1, 20, 20, 64, 64, 3, 1, false, false, false, false, DF_CONV_DIRECT, 0 },
  { 2, 7, 13, 3, 17, 3, 1, false, false, false, false, DF_CONV_F2, 0 },
  { 1, 7, 13, 20, 33, 3, 1, false, false, true, false, DF_CONV_F2, 0 },
  { 2, 5, 3, 18, 40, 3, 1, false, true, false, true, DF_CONV_F2, 0 },
  { 3, 20, 22, 48, 64, 3, 1, false, false, false, false, DF_CONV_F2, 0 },   /* beyond the shared stages */
  { 1, 1, 1, 3, 5, 3, 1, false, false, false, false, DF_CONV_F4, 0 },
  { 2, 7, 13, 3, 17, 3, 1, false, false, false, false, DF_CONV_F4, 0 },
  { 1, 9, 5, 33, 64, 3, 1, false, false, true, true, DF_CONV_F4, 0 },
  { 1, 4, 6, 18, 16, 3, 1, false, true, true, true, DF_CONV_F4, 0 },
  { 3, 38, 34, 16, 35, 3, 1, false, false, true, false, DF_CONV_F4, 0 },    /* beyond the shared stages */
};
#define NUM_CONVS (sizeof convs / sizeof *convs)

static void
conv_forward_is_its_definition (void **state)
{
  fixture_rng rng = { 1 };

  (void) state;
  for (size_t i = 0; i < NUM_CONVS; i++)
    {
      const df_conv *c = &convs[i];
      size_t  weights = (size_t) (c->in * c->out * c->kernel * c->kernel);
      float  *x = fixture_floats (&rng, in_floats (c), 1), *w = fixture_floats (&rng, weights, 0.2);
      float  *b = fixture_floats (&rng, (size_t) c->out, 1), *y = df_alloc (out_floats (c), sizeof *y);
      double *dx = fixture_doubles (x, in_floats (c)), *dw = fixture_doubles (w, weights);
      double *db = fixture_doubles (b, (size_t) c->out), *want = df_alloc (out_floats (c), sizeof *want);

      run_forward (c, 2, x, w, b, y);
      df_conv_reference (c, dx, dw, db, want);
      assert_true (fixture_error (y, want, out_floats (c)) < TOLERANCE);
      df_free (x); df_free (w); df_free (b); df_free (y);
      df_free (dx); df_free (dw); df_free (db); df_free (want);
    }
}

/* <dy, conv (x)> is linear in x and in w: its gradients are exact sums that the specification can give. */
static void
conv_gradients_are_adjoint (void **state)
{
  fixture_rng rng = { 2 };

  (void) state;
  for (size_t i = 0; i < NUM_CONVS; i++)
    {
      const df_conv *c = &convs[i];
      size_t  weights = (size_t) (c->in * c->out * c->kernel * c->kernel);
      float  *x = fixture_floats (&rng, in_floats (c), 1), *w = fixture_floats (&rng, weights, 0.2);
      float  *dy = fixture_floats (&rng, out_floats (c), 1), *v = fixture_floats (&rng, in_floats (c), 1);
      float  *u = fixture_floats (&rng, weights, 1);
      float  *gx = df_alloc (in_floats (c) + DF_SLACK, sizeof *gx), *gw = df_alloc (weights + DF_SLACK, sizeof *gw);
      double *dv = fixture_doubles (v, in_floats (c)), *dw = fixture_doubles (w, weights);
      double *dx = fixture_doubles (x, in_floats (c)), *du = fixture_doubles (u, weights);
      double *y = df_alloc (out_floats (c), sizeof *y);
      df_ops  ops = ops_with (2, df_conv_back_scratch (df_kernels_get (), c, 2));
      float  *packed = df_alloc (df_conv_packed_floats (ops.k, c->algo, c->out, c->in, c->kernel), sizeof *packed);
      double  want = 0, got = 0, size = 0;

      df_conv_pack (ops.k, c->algo, w, df_conv_oihw (c->in, c->kernel), c->in, c->out, c->kernel, true, packed);
      df_conv_back_data (&ops, c, dy, packed, gx, false);
      df_conv_back_data (&ops, c, dy, packed, gx, true);       /* twice: add */
      df_conv_reference (c, dv, dw, NULL, y);                  /* direction v in x */
      for (size_t j = 0; j < out_floats (c); j++)
        want += 2.0 * y[j] * dy[j];
      for (size_t j = 0; j < in_floats (c); j++)
        {
          got  += (double) gx[j] * v[j];
          size += fabs ((double) gx[j] * v[j]);
        }
      assert_true (fabs (want - got) < TOLERANCE * size);

      want = got = size = 0;
      df_conv_back_weights (&ops, c, x, dy, gw, false);
      df_conv_back_weights (&ops, c, x, dy, gw, true);
      df_conv_reference (c, dx, du, NULL, y);                  /* direction u in w */
      for (size_t j = 0; j < out_floats (c); j++)
        want += 2.0 * y[j] * dy[j];
      for (int o = 0; o < c->out; o++)
        for (int in = 0; in < c->in; in++)
          for (int t = 0; t < c->kernel * c->kernel; t++)
            {
              double d = (double) gw[(t * c->in + in) * c->out + o] * u[(o * c->in + in) * c->kernel * c->kernel + t];

              got  += d;
              size += fabs (d);
            }
      assert_true (fabs (want - got) < TOLERANCE * size);
      df_free (x); df_free (w); df_free (dy); df_free (v); df_free (u); df_free (gx); df_free (gw);
      df_free (dv); df_free (dw); df_free (dx); df_free (du); df_free (y); df_free (packed); df_free (ops.scratch);
    }
}

/* F2 and F4: one picture goes through the shared stages, three go in blocks. */
static void
conv_bits_depend_on_nothing_else (void **state)
{
  const df_conv cases[] = { { 3, 8, 6, 20, 40, 3, 1, false, false, false, false, DF_CONV_DIRECT, 0 },
                            { 3, 18, 16, 20, 40, 3, 1, false, false, false, false, DF_CONV_F2, 0 },
                            { 3, 36, 30, 20, 40, 3, 1, false, false, false, false, DF_CONV_F4, 0 } };
  fixture_rng   rng     = { 3 };

  (void) state;
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
    {
      const df_conv *three = &cases[c];
      df_conv        one   = *three;
      size_t         n     = out_floats (three);
      float *x = fixture_floats (&rng, in_floats (three), 1), *w = fixture_floats (&rng, 20 * 40 * 9, 1);
      float *y = df_alloc (n, sizeof *y), *z = df_alloc (n, sizeof *z);

      one.batch = 1;
      run_forward (three, 2, x, w, NULL, y);
      run_forward (three, 1, x, w, NULL, z);
      assert_memory_equal (y, z, n * sizeof *y);
      for (int i = 0; i < 3; i++)
        run_forward (&one, 2, x + (size_t) i * in_floats (&one), w, NULL, z + (size_t) i * out_floats (&one));
      assert_memory_equal (y, z, n * sizeof *y);
      df_free (x); df_free (w); df_free (y); df_free (z);
    }
}

static void
norm_is_its_definition (void **state)
{
  const df_norm norms[] = { { 1, 8, 4, 1, 1e-5, false, 0 }, { 2, 12, 4, 77, 1e-6, true, 0 },
                            { 3, 33, 3, 600, 1e-5, true, 0 }, { 2, 64, 32, 256, 1e-5, false, 0 } };
  fixture_rng   rng = { 4 };

  (void) state;
  for (size_t i = 0; i < sizeof norms / sizeof *norms; i++)
    {
      const df_norm *n = &norms[i];
      size_t  c = (size_t) n->channels, size = (size_t) n->batch * n->pixels * c;
      float  *x = fixture_floats (&rng, size, 2), *g = fixture_floats (&rng, c, 1), *b = fixture_floats (&rng, c, 1);
      float  *y = df_alloc (size, sizeof *y), *stats = df_alloc (df_norm_stats (n), sizeof *stats);
      double *dx = fixture_doubles (x, size), *dg = fixture_doubles (g, c), *db = fixture_doubles (b, c);
      double *want = df_alloc (size, sizeof *want);
      df_ops  ops = ops_with (2, df_norm_scratch (n));

      for (size_t j = 0; j < size; j++)
        {
          x[j]  += 100.0f;   /* a large mean: sums of squares in float would fail here */
          dx[j]  = x[j];
        }
      df_norm_forward (&ops, n, x, NULL, g, b, stats, y);
      df_norm_reference (n, dx, dg, db, want);
      assert_true (fixture_error (y, want, size) < 5e-5);
      df_free (x); df_free (g); df_free (b); df_free (y); df_free (stats);
      df_free (dx); df_free (dg); df_free (db); df_free (want); df_free (ops.scratch);
    }
}

static void
attention_is_its_definition (void **state)
{
  const df_attention shapes[] = { { 1, 1, 8, 1 }, { 2, 3, 5, 37 }, { 1, 2, 40, 100 }, { 2, 1, 16, 64 } };
  fixture_rng        rng = { 5 };

  (void) state;
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    {
      const df_attention *a = &shapes[i];
      size_t  n = (size_t) (a->batch * a->heads * a->dim) * a->pixels;
      float  *q = fixture_floats (&rng, n, 2), *k = fixture_floats (&rng, n, 2), *v = fixture_floats (&rng, n, 1);
      float  *y = df_alloc (n + DF_SLACK, sizeof *y);
      double *dq = fixture_doubles (q, n), *dk = fixture_doubles (k, n), *dv = fixture_doubles (v, n);
      double *want = df_alloc (n, sizeof *want);
      df_ops  ops = ops_with (2, df_attention_scratch (df_kernels_get (), a, 2));

      df_attention_forward (&ops, a, q, k, v, y);
      df_attention_reference (a, dq, dk, dv, want);
      assert_true (fixture_error (y, want, n) < TOLERANCE);
      df_free (q); df_free (k); df_free (v); df_free (y); df_free (dq); df_free (dk); df_free (dv);
      df_free (want); df_free (ops.scratch);
    }
}

static void
silu_is_exact_to_float (void **state)
{
  enum { N = 40007 };
  float  *x = df_alloc (N, sizeof *x), *y = df_alloc (N, sizeof *y);
  df_ops  ops = ops_with (2, 0);

  (void) state;
  for (int i = 0; i < N; i++)
    x[i] = (float) (i - N / 2) * 0.01f;
  df_silu (&ops, x, y, N);
  for (int i = 0; i < N; i++)
    {
      double want = x[i] / (1.0 + exp (-(double) x[i]));

      assert_true (fabs (y[i] - want) <= 4e-7 * fabs (want) + 1e-30);
    }
  df_free (x); df_free (y); df_free (ops.scratch);
}

/* core.md §2.2, golden values for t = 500, 128 channels. */
static void
time_embedding_goldens (void **state)
{
  const int    at[]       = { 0, 1, 2, 31, 62, 63, 64, 65, 127 };
  const double shifted[]  = { -.467772, -.999682, .574101, -.785811, .057839, .049979, -.883849, .025232, .99875 };
  const double flipped[]  = { -.883849, .848515, -.455753, .873098, .997778, .998334, -.467772, -.529172, .057707 };
  const double t          = 500;
  float        a[128], b[128];

  (void) state;
  df_time_embedding (&t, 1, 128, 1, false, a);
  df_time_embedding (&t, 1, 128, 0, true, b);
  for (int i = 0; i < 9; i++)
    {
      assert_true (fabs (a[at[i]] - shifted[i]) < 5e-5);
      assert_true (fabs (b[at[i]] - flipped[i]) < 5e-5);
    }
}

static void
a_planted_error_is_seen (void **state)
{
  fixture_rng rng = { 6 };
  float      *x   = fixture_floats (&rng, 100, 1);
  double     *y   = fixture_doubles (x, 100);

  (void) state;
  assert_true (fixture_error (x, y, 100) == 0.0);
  x[99] += 0.001f;
  assert_true (fixture_error (x, y, 100) > 1e-4);
  x[99] = NAN;
  assert_true (isinf (fixture_error (x, y, 100)));
  df_free (x); df_free (y);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (a_planted_error_is_seen),
    cmocka_unit_test (conv_forward_is_its_definition),
    cmocka_unit_test (conv_gradients_are_adjoint),
    cmocka_unit_test (conv_bits_depend_on_nothing_else),
    cmocka_unit_test (norm_is_its_definition),
    cmocka_unit_test (attention_is_its_definition),
    cmocka_unit_test (silu_is_exact_to_float),
    cmocka_unit_test (time_embedding_goldens),
  };
  int failed;

  pool_of[1] = df_pool_new (1);
  pool_of[2] = df_pool_new (2);
  failed = cmocka_run_group_tests (tests, NULL, NULL);
  df_pool_free (pool_of[1]);
  df_pool_free (pool_of[2]);
  return failed;
}
