/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why core has no OpenBLAS: does a row of a product have the same bits whatever number of rows is asked for? And how
 * fast is one thread? Not part of the build:
 *   ./dev run sh -c 'gcc -O2 -I/usr/include/x86_64-linux-gnu/openblas-serial tests/bench/openblas.c -o /tmp/openblas \
 *     /usr/lib/x86_64-linux-gnu/openblas-serial/libopenblas.a -lm -lpthread && /tmp/openblas' */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 200, COLUMNS = 64, DEPTH = 576, FEW = 40, RUNS = 50 };

static float a[ROWS * DEPTH], b[DEPTH * COLUMNS], whole[ROWS * COLUMNS], part[ROWS * COLUMNS];

static void
multiply (int rows, float *out)
{
  cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, COLUMNS, DEPTH, 1.0f, a, DEPTH, b, COLUMNS, 0.0f, out,
               COLUMNS);
}

int
main (void)
{
  double best = 1e9;
  int    differ = 0;

  for (int i = 0; i < ROWS * DEPTH; i++)
    a[i] = (float) rand () / (float) RAND_MAX - 0.5f;
  for (int i = 0; i < DEPTH * COLUMNS; i++)
    b[i] = (float) rand () / (float) RAND_MAX - 0.5f;
  multiply (ROWS, whole);
  for (int rows = 1; rows <= FEW; rows++)
    {
      multiply (rows, part);
      differ += memcmp (whole, part, (size_t) rows * COLUMNS * sizeof *part) != 0;
    }
  for (int run = 0; run < RUNS; run++)
    {
      struct timespec start, end;
      double          seconds;

      clock_gettime (CLOCK_MONOTONIC, &start);
      multiply (ROWS, part);
      clock_gettime (CLOCK_MONOTONIC, &end);
      seconds = (double) (end.tv_sec - start.tv_sec) + 1e-9 * (double) (end.tv_nsec - start.tv_nsec);
      best    = seconds < best ? seconds : best;
    }
  printf ("%d of %d row counts give other bits than the same rows of a product of %d; %.1f GFLOP/s\n", differ, FEW, ROWS,
          2e-9 * ROWS * COLUMNS * DEPTH / best);
  return 0;
}
