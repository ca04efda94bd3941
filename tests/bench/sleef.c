/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sleef: SiLU by our kernel and by SLEEF's e^x of eight floats, one thread, 4096 elements in cache: nanoseconds per
 * element, and the largest relative error. Not part of the build (Debian: libsleef-dev):
 *   gcc -O3 -mavx2 -mfma -Icore tests/bench/sleef.c build/core/libdiffusion.a -lsleef -lm -lpthread -o /tmp/sleef &&
 *     /tmp/sleef */
#include "base/clock.h"
#include "kernels/kernels.h"

#include <immintrin.h>
#include <math.h>
#include <sleef.h>
#include <stdio.h>

enum { COUNT = 4096, RUNS = 200, ROUNDS = 40, WAYS = 3 };

static float x[COUNT], y[COUNT];

static void
ours (void)
{
  df_kernels_get ()->silu (x, y, COUNT);
}

#define BY_SLEEF(name, function)                                                                    \
  static void                                                                                       \
  name (void)                                                                                       \
  {                                                                                                 \
    const __m256 one = _mm256_set1_ps (1.0f), sign = _mm256_set1_ps (-0.0f);                        \
                                                                                                    \
    for (int i = 0; i < COUNT; i += 8)                                                              \
      {                                                                                             \
        __m256 v = _mm256_loadu_ps (x + i);                                                         \
                                                                                                    \
        _mm256_storeu_ps (y + i, _mm256_div_ps (v, _mm256_add_ps (one, function (_mm256_xor_ps (v, sign))))); \
      }                                                                                             \
  }

BY_SLEEF (sleef_plain, Sleef_expf8_u10)
BY_SLEEF (sleef_avx2, Sleef_expf8_u10avx2)

int
main (void)
{
  static const struct { const char *name; void (*silu) (void); } ways[WAYS] = {
    { "ours", ours }, { "Sleef_expf8_u10", sleef_plain }, { "Sleef_expf8_u10avx2", sleef_avx2 }
  };
  double least[WAYS] = { INFINITY, INFINITY, INFINITY };

  for (int i = 0; i < COUNT; i++)
    x[i] = 20.0f * ((float) i + 0.5f) / COUNT - 10.0f;
  for (int round = 0; round < ROUNDS; round++)
    for (int way = 0; way < WAYS; way++)
      {
        double start = df_seconds ();

        for (int run = 0; run < RUNS; run++)
          ways[way].silu ();
        least[way] = fmin (least[way], (df_seconds () - start) / RUNS);
      }
  for (int way = 0; way < WAYS; way++)
    {
      double error = 0;

      ways[way].silu ();
      for (int i = 0; i < COUNT; i++)
        {
          double right = x[i] / (1.0 + exp (-(double) x[i]));

          error = fmax (error, fabs (y[i] - right) / fabs (right));
        }
      printf ("%20s %.3f ns per element, error %.1e\n", ways[way].name, 1e9 * least[way] / COUNT, error);
    }
  return 0;
}
