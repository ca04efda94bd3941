/* SPDX-License-Identifier: GPL-3.0-or-later */
/* open: df_model_open: a folder that can be read, whose weights are exactly those of the network it describes. */
#include "model/model.h"
#include "net/graph.h"
#include "process/schedule.h"
#include "process/spots.h"

#include <string.h>

static bool
in_graph (const df_graph *graph, const char *name)
{
  for (int i = 0; i < graph->num_params; i++)
    if (strcmp (graph->params[i].name, name) == 0)
      return true;
  return false;
}

static df_status
check_weights (const df_model *model, const df_graph *graph, df_error *err)
{
  for (int i = 0; i < graph->num_params; i++)
    {
      const df_param *p = &graph->params[i];

      if (df_model_weight (model, p->name, p->dims, p->shape, err) == NULL)
        return DF_ERROR_FORMAT;
    }
  for (size_t i = 0; i < model->num_weights; i++)
    if (!in_graph (graph, model->weights[i].name))
      return df_fail (err, DF_ERROR_FORMAT, "%s: tensor %s is not part of the network in config.json.",
                      model->info.weights_path, model->weights[i].name);
  return DF_OK;
}

/* Partial denoising starts where a card says, else where √ᾱ is nearest .6: half way to a new picture. A run from a texton
 * starts where little but what it knows can be seen. */
static df_status
settle_start (df_model *model, df_error *err)
{
  df_schedule schedule;

  if (model->info.start_t >= model->info.num_train_timesteps)
    return df_fail (err, DF_ERROR_FORMAT, "%s/card.json: \"start_t\" must be below %d.", model->info.path,
                    model->info.num_train_timesteps);
  DF_TRY (df_schedule_init (&schedule, &model->scheduler, err));
  if (model->info.start_t < 0)
    model->info.start_t = df_schedule_find (&schedule, 0.6);
  model->info.texton_t = model->texton.kernel != NULL ? df_schedule_find (&schedule, DF_SPOTS_SQRT_ALPHA) : -1;
  df_schedule_clear (&schedule);
  return DF_OK;
}

df_status
df_model_open (df_model **out, const char *path, df_error *err)
{
  df_model *model;
  df_graph  graph;
  df_status status;

  *out = NULL;
  DF_TRY (df_model_load (&model, path, err));
  status = df_graph_build (&graph, &model->unet, err);
  if (status == DF_OK)
    {
      status = check_weights (model, &graph, err);
      df_graph_clear (&graph);
    }
  if (status == DF_OK)
    status = settle_start (model, err);
  if (status == DF_OK)
    *out = model;
  else
    df_model_close (model);
  return status;
}
