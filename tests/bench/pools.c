/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pools: our thread pool beside pthreadpool: microseconds of jobs of empty tiles, and of tiles that compute for
 * 50 … 500 µs. The two are run in turn; median of ROUNDS. Not part of the build (Debian: libpthreadpool-dev); run it
 * alone, then beside `taskset -c 0 sh -c 'while :; do :; done'`:
 *   gcc -O2 -Icore tests/bench/pools.c core/base/{threads,alloc,clock}.c -lpthreadpool -lpthread \
 *     -o /tmp/pools && /tmp/pools */
#include "base/clock.h"
#include "base/threads.h"

#include <pthreadpool.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 9 };

#define ROUND 0.05   /* seconds: many time slices of a scheduler */

static df_pool      *ours;
static pthreadpool_t theirs;
static double        turns_per_us;
static int           threads = 2;

/* A chain of multiply-adds, so that its time follows from the number of turns. */
static void
compute (double turns)
{
  volatile float sink;
  float          x = 0.5f;

  for (long i = 0; i < (long) turns; i++)
    x = x * 0.75f + 0.25f;
  sink = x;
  (void) sink;
}

static void
our_tile (void *ctx, size_t tile, int worker)
{
  (void) tile;
  (void) worker;
  compute (*(double *) ctx);
}

static void
their_tile (void *ctx, size_t tile)
{
  (void) tile;
  compute (*(double *) ctx);
}

static void
run_job (int pool, size_t tiles, double *turns)
{
  if (pool == 0)
    df_pool_run (ours, tiles, our_tile, turns);
  else
    pthreadpool_parallelize_1d (theirs, their_tile, turns, tiles, 0);
}

/* Microseconds of a job. The pool is made anew, for pthreadpool's workers spin for many milliseconds after a job and
 * would take the time of ours. */
static double
job (int pool, size_t tiles, double us)
{
  double turns = us * turns_per_us, start, now;
  int    jobs  = 0;

  if (pool == 0)
    ours = df_pool_new (threads);
  else
    theirs = pthreadpool_create ((size_t) threads);
  run_job (pool, tiles, &turns);
  start = df_seconds ();
  do
    {
      run_job (pool, tiles, &turns);
      now = df_seconds ();
      jobs++;
    }
  while (now < start + ROUND);
  if (pool == 0)
    df_pool_free (ours);
  else
    pthreadpool_destroy (theirs);
  return 1e6 * (now - start) / jobs;
}

static int
by_value (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

static void
row (size_t tiles, double us)
{
  double times[2][ROUNDS];

  for (int round = 0; round < ROUNDS; round++)
    for (int pool = 0; pool < 2; pool++)
      times[pool][round] = job (pool, tiles, us);
  for (int pool = 0; pool < 2; pool++)
    qsort (times[pool], ROUNDS, sizeof (double), by_value);
  printf ("%2zu tiles of %3.0f us: ours %7.1f us (least %7.1f), pthreadpool %7.1f us (least %7.1f)\n", tiles, us,
          times[0][ROUNDS / 2], times[0][0], times[1][ROUNDS / 2], times[1][0]);
}

int
main (int argc, char **argv)
{
  static const struct { size_t tiles; double us; } work[] = { { 8, 50 }, { 32, 50 }, { 8, 200 }, { 8, 500 } };
  double least = 1;

  if (argc > 1)
    threads = atoi (argv[1]);
  for (int i = 0; i < 50; i++)
    {
      double start = df_seconds ();

      compute (1e5);
      start = df_seconds () - start;
      least = start < least ? start : least;
    }
  turns_per_us = 0.1 / least;
  for (size_t tiles = 2; tiles <= 64; tiles *= 2)
    row (tiles, 0);
  for (size_t i = 0; i < sizeof work / sizeof *work; i++)
    row (work[i].tiles, work[i].us);
  return 0;
}
