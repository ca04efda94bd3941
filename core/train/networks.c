/* SPDX-License-Identifier: GPL-3.0-or-later */
/* networks: one planned network per size of crops, in one block of memory since only one runs at a time, and under a cap:
 * each computes again as little as fits (Chen 2016, "Training deep nets with sublinear memory cost"). Memory has no
 * influence on the numbers of a run. */
#include "train/trainer.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

size_t
df_trainer_room (const df_param *param)
{
  return (param->count + DF_SLACK + 15) / 16 * 16;
}

/* Bytes of the five arrays, and of the copies in float and fp16 that a model is written from. */
static size_t
parameter_bytes (const df_graph *graph)
{
  size_t count = 0;

  for (int i = 0; i < graph->num_params; i++)
    count += df_trainer_room (&graph->params[i]);
  return count * (6 * sizeof (float) + sizeof (uint16_t));
}

static df_status
refuse (const df_train_crop *crop, double need, double cap, df_error *err)
{
  return df_fail (err, DF_ERROR_CAP, "Training at %d × %d with batch %d needs at least %.0f MB, the cap is %.0f MB: choose a "
                  "smaller batch or crop size, or raise the cap.", crop->width, crop->height, crop->batch,
                  ceil (need / 1e6), floor (cap / 1e6));
}

/* The plan for a size that computes as little again as fits beside what is counted in `bytes` already. */
static df_status
plan_crop (const df_trainer *trainer, const df_train_crop *crop, df_plan *out, df_error *err)
{
  const df_train_config *c    = &trainer->config;
  const df_unet_size     size = { crop->batch, crop->height, crop->width, c->circular != 0, c->circular != 0 };
  const df_kernels      *k    = df_kernels_get ();
  double                 cap  = c->memory_mb * 1e6, least = INFINITY;

  for (int recompute = DF_RECOMPUTE_NONE; recompute <= DF_RECOMPUTE_MOST; recompute++)
    {
      double lists, need;

      DF_TRY (df_plan_build (out, &c->unet, &size, DF_PLAN_TRAIN, recompute, true, k, df_pool_threads (trainer->pool), err));
      lists = (double) (df_network_bytes (out, k, true) - df_network_block (out, k, true));
      need  = (double) (trainer->bytes + parameter_bytes (&out->graph) + df_network_block (out, k, true)) +
              lists * c->num_crops;
      if (cap <= 0.0 || need <= cap)
        return DF_OK;
      least = fmin (least, need);
      df_plan_clear (out);
    }
  return refuse (crop, least, cap, err);
}

df_status
df_trainer_networks (df_trainer *trainer, df_error *err)
{
  const df_kernels *k      = df_kernels_get ();
  df_plan           plans[DF_MAX_CROPS];
  size_t            lists  = 0;
  df_status         status = DF_OK;

  memset (plans, 0, sizeof plans);
  for (int i = 0; i < trainer->config.num_crops && status == DF_OK; i++)
    if ((status = plan_crop (trainer, &trainer->config.crops[i], &plans[i], err)) == DF_OK)
      {
        size_t block = df_network_block (&plans[i], k, true);

        trainer->block_bytes = block > trainer->block_bytes ? block : trainer->block_bytes;
        lists               += df_network_bytes (&plans[i], k, true) - block;
      }
  if (status == DF_OK)
    {
      trainer->bytes += parameter_bytes (&plans[0].graph) + trainer->block_bytes + lists;
      trainer->block  = df_alloc_pages (trainer->block_bytes);
      if (trainer->block == NULL)
        status = df_trainer_no_memory (err);
    }
  for (int i = 0; i < trainer->config.num_crops && status == DF_OK; i++)
    status = df_network_new (&trainer->nets[i], &plans[i], trainer->pool, true, trainer->block, err);
  for (int i = 0; i < trainer->config.num_crops; i++)
    df_plan_clear (&plans[i]);
  return status;
}
