/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base: a run that starts from the weights of a model. The class table is the only param that may be in one of the two
 * networks alone. A row of it is added to the output of the time embedding's second layer (diffusers' UNet2DModel:
 * emb = time_embedding (t) + class_embedding (class)), so that a single class is a bias of that layer. */
#include "train/trainer.h"

#include <string.h>

#define TABLE "class_embedding.weight"
#define BIAS  "time_embedding.linear_2.bias"

void
df_param_copy (const df_param *p, const float *from, df_conv_layout in, float *to, df_conv_layout out)
{
  if (p->kind != DF_PARAM_CONV)
    {
      memcpy (to, from, p->count * sizeof *to);
      return;
    }
  for (int o = 0; o < p->out; o++)
    for (int i = 0; i < p->in; i++)
      for (int y = 0; y < p->kernel; y++)
        for (int x = 0; x < p->kernel; x++)
          to[o * out.so + i * out.si + y * out.sy + x * out.sx] = from[o * in.so + i * in.si + y * in.sy + x * in.sx];
}

/* All that the network has was found in the base; there must be nothing else. */
static df_status
check_rest (const df_trainer *trainer, df_error *err)
{
  const df_model *base = trainer->config.base;
  size_t          ours = (size_t) trainer->nets[0].plan.graph.num_params;

  if (base->num_weights - (base->unet.num_class_embeds > 0) == ours - (trainer->config.unet.num_class_embeds > 0))
    return DF_OK;
  return df_fail (err, DF_ERROR_ARGUMENT, "%s holds tensors that the network of the configuration does not have: leave "
                  "\"unet\" out, it is taken from the base.", base->info.path);
}

static df_status
take_null_class (df_trainer *trainer, int bias, df_error *err)
{
  const df_model *base = trainer->config.base;
  const df_param *p    = &trainer->nets[0].plan.graph.params[bias];
  size_t          shape[4] = { (size_t) base->unet.num_class_embeds, p->count, 1, 1 };
  int             null_class = base->card.null_class;
  const df_weight *table;

  if (null_class < 0)
    return df_fail (err, DF_ERROR_ARGUMENT, "%s always wants a class (it has no null class), and the pictures have none: "
                    "choose another base, or sort the pictures into folders that are named like its classes.",
                    base->info.path);
  table = df_model_weight (base, TABLE, 2, shape, err);
  if (table == NULL)
    return DF_ERROR_ARGUMENT;
  for (size_t i = 0; i < p->count; i++)
    trainer->w_of[bias][i] += table->data[(size_t) null_class * p->count + i];
  return DF_OK;
}

df_status
df_trainer_take_base (df_trainer *trainer, df_error *err)
{
  const df_graph *g     = &trainer->nets[0].plan.graph;
  const df_model *base  = trainer->config.base;
  bool            table = base->unet.num_class_embeds > 0;

  for (int i = 0; i < g->num_params; i++)
    {
      const df_param  *p = &g->params[i];
      const df_weight *w;

      if (strcmp (p->name, TABLE) == 0 && !table)
        continue;
      w = df_model_weight (base, p->name, p->dims, p->shape, err);
      if (w == NULL)
        return DF_ERROR_ARGUMENT;
      df_param_copy (p, w->data, df_conv_oihw (p->in, p->kernel), trainer->w_of[i],
                     df_conv_hwio (p->in, p->out, p->kernel));
    }
  DF_TRY (check_rest (trainer, err));
  for (int i = 0; table && trainer->config.unet.num_class_embeds == 0 && i < g->num_params; i++)
    if (strcmp (g->params[i].name, BIAS) == 0)
      DF_TRY (take_null_class (trainer, i, err));
  memcpy (trainer->ema, trainer->w, trainer->count * sizeof *trainer->w);
  return DF_OK;
}
