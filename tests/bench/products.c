/* SPDX-License-Identifier: GPL-3.0-or-later */
/* products: one product of a Winograd convolution (48 tiles × C × C, one thread) by our tile kernel, by libxsmm, and by
 * the CBLAS that it is linked with: GFLOP/s, and whether the bits of a row depend on how many rows are asked for. Not
 * part of the build (Debian: libxsmm-dev, libblis-openmp-dev, libopenblas-serial-dev; BLAS=blis-openmp or
 * openblas-serial, the library libblis.a or libopenblas.a):
 *   gcc -O2 -Icore -I/usr/include/x86_64-linux-gnu/$BLAS tests/bench/products.c build/core/libdiffusion.a -lxsmm \
 *     /usr/lib/x86_64-linux-gnu/$BLAS/lib*.a -fopenmp -lm -lpthread -o /tmp/products && /tmp/products */
#include "base/alloc.h"
#include "base/clock.h"
#include "kernels/kernels.h"

#include <cblas.h>
#include <libxsmm.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 48, WIDEST = 256, FEW = 47, ROUNDS = 40 };

static int               channels;
static const df_kernels *kernels;
static float            *a, *b, *packed, *whole, *part;

/* As multiply () in ops/winograd.c. */
static void
by_tiles (int rows, float *out)
{
  static const ptrdiff_t none[1] = { 0 };
  const float *ra[DF_MAX_MR];
  float       *rc[DF_MAX_MR];
  df_tile      t = { .n = kernels->nr, .segs = 1, .k = channels, .a = ra, .a_seg = none, .a_k = 1, .b_seg = none,
                     .b_k = kernels->nr, .c = rc, .scale = 1.0f };

  for (int panel = 0; panel < channels; panel += kernels->nr)
    for (int m = 0; m < rows; m += kernels->mr)
      {
        t.b = packed + panel * channels;
        t.m = rows - m < kernels->mr ? rows - m : kernels->mr;
        for (int i = 0; i < t.m; i++)
          {
            ra[i] = a + (m + i) * channels;
            rc[i] = out + (m + i) * channels + panel;
          }
        kernels->tile (&t);
      }
}

/* Row-major c = a·b is column-major cᵀ = bᵀ·aᵀ. */
static void
by_libxsmm (int rows, float *out)
{
  static libxsmm_smmfunction kernel[WIDEST + 1][ROWS + 1];
  const int                  flags = LIBXSMM_GEMM_FLAG_NONE;
  const float                one = 1.0f, zero = 0.0f;

  if (kernel[channels][rows] == NULL)
    kernel[channels][rows] = libxsmm_smmdispatch (channels, rows, channels, NULL, NULL, NULL, &one, &zero, &flags, NULL);
  if (kernel[channels][rows] == NULL)
    {
      fputs ("products: libxsmm gave no kernel.\n", stderr);
      exit (1);
    }
  kernel[channels][rows] (b, a, out);
}

static void
by_cblas (int rows, float *out)
{
  cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, channels, channels, 1.0f, a, channels, b, channels, 0.0f,
               out, channels);
}

static const struct { const char *name; void (*multiply) (int rows, float *out); } ways[] = {
  { "ours", by_tiles }, { "libxsmm", by_libxsmm }, { "CBLAS", by_cblas }
};
enum { WAYS = sizeof ways / sizeof *ways };

static void
check (int way)
{
  int    differ = 0;
  double error  = 0;

  ways[way].multiply (ROWS, whole);
  for (int m = 0; m < ROWS; m++)
    for (int n = 0; n < channels; n++)
      {
        double sum = 0;

        for (int k = 0; k < channels; k++)
          sum += (double) a[m * channels + k] * (double) b[k * channels + n];
        error = fmax (error, fabs (whole[m * channels + n] - sum));
      }
  for (int rows = 1; rows <= FEW; rows++)
    {
      ways[way].multiply (rows, part);
      differ += memcmp (whole, part, (size_t) (rows * channels) * sizeof *part) != 0;
    }
  printf (" | error %.1e, %2d of %d row counts give other bits\n", error, differ, FEW);
}

static void
compare (void)
{
  double least[WAYS], flops = 2.0 * ROWS * channels * channels;
  int    runs = 1 + (int) (2e7 / flops);

  for (int i = 0; i < channels * channels; i++)
    {
      int row = i / channels, column = i % channels;

      packed[column / kernels->nr * kernels->nr * channels + row * kernels->nr + column % kernels->nr] = b[i];
    }
  for (int round = 0; round < ROUNDS; round++)
    for (int way = 0; way < WAYS; way++)
      {
        double start = df_seconds ();

        for (int run = 0; run < runs; run++)
          ways[way].multiply (ROWS, whole);
        start      = (df_seconds () - start) / runs;
        least[way] = round == 0 ? start : fmin (least[way], start);
      }
  for (int way = 0; way < WAYS; way++)
    {
      printf ("%d x %3d x %3d %8s %6.1f GFLOP/s", ROWS, channels, channels, ways[way].name, 1e-9 * flops / least[way]);
      check (way);
    }
}

static float *
filled (int n)
{
  float *x = df_alloc ((size_t) n + DF_SLACK, sizeof *x);

  for (int i = 0; i < n; i++)
    x[i] = (float) rand () / (float) RAND_MAX - 0.5f;
  return x;
}

int
main (void)
{
  kernels = df_kernels_get ();
  a       = filled (ROWS * WIDEST);
  b       = filled (WIDEST * WIDEST);
  packed  = filled (WIDEST * WIDEST);
  whole   = filled (ROWS * WIDEST);
  part    = filled (ROWS * WIDEST);
  for (int i = 0; i < 3; i++)
    {
      channels = (int[]) { 32, 128, 256 }[i];
      compare ();
    }
  return 0;
}
