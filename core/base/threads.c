/* SPDX-License-Identifier: GPL-3.0-or-later */
/* threads: see threads.h. A job is published by a generation number. A worker takes part by entering `gate`, which
 * the caller closes when no tile is left: on a busy machine a worker that has not got a processor by then finds the
 * gate closed, and nobody waits for it. */
#define _GNU_SOURCE   /* sched_getaffinity */
#include "base/threads.h"

#include "base/alloc.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#define SPINS 2000   /* about 20 µs: longer than the gap between two ops, shorter than a time slice */

#define CLOSED (1 << 30)

struct df_pool
{
  int             threads;
  pthread_t      *workers;
  pthread_mutex_t mutex;
  pthread_cond_t  wake, done;
  atomic_uint     generation;
  atomic_int      gate;       /* workers inside the present job, and CLOSED */
  atomic_size_t   next;
  atomic_bool     quit;
  size_t          tiles;
  df_tile_fn      fn;
  void           *ctx;
};

typedef struct worker_start { df_pool *pool; int index; } worker_start;

static void
pause_cpu (void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause ();
#else
  atomic_signal_fence (memory_order_seq_cst);
#endif
}

static void
take_tiles (df_pool *pool, int worker)
{
  size_t tile;

  while ((tile = atomic_fetch_add (&pool->next, 1)) < pool->tiles)
    pool->fn (pool->ctx, tile, worker);
}

static unsigned
wait_for_job (df_pool *pool, unsigned seen)
{
  unsigned now;

  for (int i = 0; i < SPINS; i++)
    {
      if ((now = atomic_load (&pool->generation)) != seen)
        return now;
      pause_cpu ();
    }
  pthread_mutex_lock (&pool->mutex);
  while ((now = atomic_load (&pool->generation)) == seen)
    pthread_cond_wait (&pool->wake, &pool->mutex);
  pthread_mutex_unlock (&pool->mutex);
  return now;
}

static void *
work (void *data)
{
  worker_start *start = data;
  df_pool      *pool  = start->pool;
  int           index = start->index;
  unsigned      seen  = 0;

  df_free (start);
  for (;;)
    {
      seen = wait_for_job (pool, seen);
      if (atomic_load (&pool->quit))
        return NULL;
      if ((atomic_fetch_add (&pool->gate, 1) & CLOSED) == 0)
        take_tiles (pool, index);
      if (atomic_fetch_sub (&pool->gate, 1) == CLOSED + 1)
        {
          pthread_mutex_lock (&pool->mutex);
          pthread_cond_signal (&pool->done);
          pthread_mutex_unlock (&pool->mutex);
        }
    }
}

static void
publish (df_pool *pool)
{
  pthread_mutex_lock (&pool->mutex);
  atomic_fetch_add (&pool->generation, 1);
  pthread_cond_broadcast (&pool->wake);
  pthread_mutex_unlock (&pool->mutex);
}

int
df_pool_processors (void)
{
  cpu_set_t set;

  CPU_ZERO (&set);
  if (sched_getaffinity (0, sizeof set, &set) != 0)
    return 1;
  return CPU_COUNT (&set) > 0 ? CPU_COUNT (&set) : 1;
}

df_pool *
df_pool_new (int threads)
{
  df_pool *pool = df_alloc (1, sizeof *pool);

  if (pool == NULL)
    return NULL;
  if (threads <= 0)
    threads = df_pool_processors ();
  pthread_mutex_init (&pool->mutex, NULL);
  pthread_cond_init (&pool->wake, NULL);
  pthread_cond_init (&pool->done, NULL);
  pool->threads = 1;
  pool->gate    = CLOSED;
  pool->workers = df_alloc ((size_t) threads, sizeof *pool->workers);
  while (pool->workers != NULL && pool->threads < threads)
    {
      worker_start *start = df_alloc (1, sizeof *start);

      if (start == NULL)
        break;
      *start = (worker_start) { pool, pool->threads };
      if (pthread_create (&pool->workers[pool->threads], NULL, work, start) != 0)
        {
          df_free (start);
          break;
        }
      pool->threads++;
    }
  if (pool->threads == threads && pool->workers != NULL)
    return pool;
  df_pool_free (pool);
  return NULL;
}

void
df_pool_free (df_pool *pool)
{
  if (pool == NULL)
    return;
  atomic_store (&pool->quit, true);
  publish (pool);
  for (int i = 1; i < pool->threads; i++)
    pthread_join (pool->workers[i], NULL);
  pthread_cond_destroy (&pool->wake);
  pthread_cond_destroy (&pool->done);
  pthread_mutex_destroy (&pool->mutex);
  df_free (pool->workers);
  df_free (pool);
}

int
df_pool_threads (const df_pool *pool)
{
  return pool->threads;
}

void
df_pool_run (df_pool *pool, size_t tiles, df_tile_fn fn, void *ctx)
{
  if (pool->threads == 1 || tiles <= 1)
    {
      for (size_t tile = 0; tile < tiles; tile++)
        fn (ctx, tile, 0);
      return;
    }
  pool->tiles = tiles;
  pool->fn    = fn;
  pool->ctx   = ctx;
  atomic_store (&pool->next, 0);
  atomic_fetch_and (&pool->gate, ~CLOSED);
  publish (pool);
  take_tiles (pool, 0);
  if (atomic_fetch_or (&pool->gate, CLOSED) == 0)
    return;
  for (int i = 0; i < SPINS && atomic_load (&pool->gate) != CLOSED; i++)
    pause_cpu ();
  if (atomic_load (&pool->gate) == CLOSED)
    return;
  pthread_mutex_lock (&pool->mutex);
  while (atomic_load (&pool->gate) != CLOSED)
    pthread_cond_wait (&pool->done, &pool->mutex);
  pthread_mutex_unlock (&pool->mutex);
}
