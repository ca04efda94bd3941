/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conv_table: milliseconds of the three algorithms of a 3×3 convolution over channels and sides, one thread: what
 * df_conv_choose is made from. Each figure is the minimum of many interleaved runs. Usage: conv_table [THREADS] */
#include "base/alloc.h"
#include "base/clock.h"
#include "ops/conv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 5

static const int sides[]    = { 4, 6, 8, 12, 16, 32, 64, 128 };
static const int channels[] = { 16, 32, 64, 96, 128, 256, 512 };

typedef struct trial
{
  df_conv  conv;
  df_ops   ops;
  float   *x, *packed, *y;
  double   best;
} trial;

static float *
filled (size_t n)
{
  float *x = df_alloc (n + DF_SLACK, sizeof *x);

  for (size_t i = 0; x != NULL && i < n; i++)
    x[i] = (float) (i * 2654435761u % 1024) / 512.0f - 1.0f;
  return x;
}

static void
prepare (trial *t, df_pool *pool, df_conv_algo algo, int in, int out, int side)
{
  const df_kernels *k = df_kernels_get ();

  t->conv = (df_conv) { .batch = 1, .height = side, .width = side, .in = in, .out = out, .kernel = 3, .stride = 1,
                        .algo = algo };
  t->ops    = (df_ops) { k, pool, filled (df_conv_scratch (k, &t->conv, df_pool_threads (pool))) };
  t->x      = filled ((size_t) (side * side * in));
  t->y      = filled ((size_t) (side * side * out));
  t->packed = filled (df_conv_packed_floats (k, algo, in, out, 3));
  t->best   = INFINITY;
  if (t->ops.scratch == NULL || t->x == NULL || t->y == NULL || t->packed == NULL)
    {
      fputs ("conv_table: out of memory.\n", stderr);
      exit (1);
    }
}

static void
run (trial *t)
{
  df_conv_io io     = { .x = t->x, .packed = t->packed, .scale = 1.0f, .y = t->y };
  int        repeat = 1 + (int) (2e8 / df_conv_flops (&t->conv));

  for (int i = 0; i < repeat; i++)
    {
      double start = df_seconds ();

      df_conv_forward (&t->ops, &t->conv, &io);
      t->best = fmin (t->best, df_seconds () - start);
    }
}

static void
row (df_pool *pool, int in, int out, int side)
{
  static const char *const names[] = { "direct", "F2", "F4" };
  trial t[3];
  int   best = 0;

  for (int a = 0; a < 3; a++)
    prepare (&t[a], pool, (df_conv_algo) a, in, out, side);
  for (int round = 0; round < ROUNDS; round++)
    for (int a = 0; a < 3; a++)
      run (&t[a]);
  printf ("%3d x %3d @%3d ", in, out, side);
  for (int a = 0; a < 3; a++)
    {
      best = t[a].best < t[best].best ? a : best;
      printf (" %9.4f ms %6.1f GFLOP/s ", 1e3 * t[a].best, df_conv_flops (&t[a].conv) / t[a].best / 1e9);
      df_free (t[a].ops.scratch);
      df_free (t[a].x);
      df_free (t[a].y);
      df_free (t[a].packed);
    }
  printf (" %s\n", names[best]);
  fflush (stdout);
}

int
main (int argc, char **argv)
{
  df_pool *pool = df_pool_new (argc > 1 ? atoi (argv[1]) : 1);

  printf ("  in x out @side           direct                       F2                       F4   fastest\n");
  for (size_t s = 0; s < sizeof sides / sizeof *sides; s++)
    for (size_t c = 0; c < sizeof channels / sizeof *channels; c++)
      if ((double) sides[s] * sides[s] * channels[c] * channels[c] < 1.2e9)
        row (pool, channels[c], channels[c], sides[s]);
  df_pool_free (pool);
  return 0;
}
