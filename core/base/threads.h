/* SPDX-License-Identifier: GPL-3.0-or-later */
/* threads: one pool. Work is a number of tiles with fixed borders; threads take the next tile from a
 * shared counter, so that results do not depend on the number of threads while a busy machine does not
 * stall on the slowest. Workers spin briefly between jobs, then sleep. */
#ifndef DF_BASE_THREADS_H
#define DF_BASE_THREADS_H

#include <stddef.h>

typedef struct df_pool df_pool;

/* tile: 0 … tiles-1; worker: 0 … df_pool_threads-1, for scratch memory per thread. */
typedef void (*df_tile_fn) (void *ctx, size_t tile, int worker);

/* A pool of `threads` (0 = as many as the process may use), the caller's thread included.
 * NULL when memory or threads are refused. */
df_pool *df_pool_new (int threads);
void     df_pool_free (df_pool *pool);   /* accepts NULL */
int      df_pool_threads (const df_pool *pool);
int      df_pool_processors (void);      /* what 0 means */

/* Runs fn for every tile and returns when all are done. Not re-entrant; one caller at a time. */
void     df_pool_run (df_pool *pool, size_t tiles, df_tile_fn fn, void *ctx);

#endif
