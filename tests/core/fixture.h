/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fixture: seeded numbers, comparisons and small networks that the tests of core share. */
#ifndef DF_TEST_FIXTURE_H
#define DF_TEST_FIXTURE_H

#include "net/network.h"
#include "process/schedule.h"
#include "process/step.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes in use, as the C library counts them (0 under a sanitizer, which looks for leaks itself); all of them only after
 * mallopt (M_MMAP_MAX, 0). */
size_t fixture_in_use (void);

/* A small linear congruential stream: the same numbers everywhere. */
typedef struct fixture_rng { uint64_t state; } fixture_rng;
double  fixture_uniform (fixture_rng *rng);                      /* -1 … 1 */
float  *fixture_floats  (fixture_rng *rng, size_t n, double amplitude);   /* DF_SLACK behind; df_free */
double *fixture_doubles (const float *x, size_t n);              /* the same values; df_free */

/* Largest |a - b| over the root mean square of b. NaN counts as infinite. */
double  fixture_error (const float *a, const double *b, size_t n);

/* Random parameters of a graph, scaled so that values stay of order 1. as_file: OIHW; hwio: the trainer's. */
typedef struct fixture_params
{
  int      count;
  float  **as_file, **hwio, **grads;
  double **doubles;      /* as_file in double */
} fixture_params;
fixture_params fixture_params_new  (const df_graph *graph, fixture_rng *rng);
void           fixture_params_free (fixture_params *params);

/* A schedule of 1000 steps between DDPM's betas; df_schedule_clear. */
df_schedule   fixture_schedule   (df_beta_schedule kind, bool zero_snr);
/* A transition with its levels; prev -1 is the clean picture. */
df_transition fixture_transition (const df_schedule *schedule, int t, int prev);

/* A configuration of two levels (8, 16 channels); change fields before building. */
df_unet_config fixture_config (void);

#endif
