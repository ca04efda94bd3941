/* SPDX-License-Identifier: GPL-3.0-or-later */
/* model: a diffusers folder opened: configurations, card, and float32 weights by canonical name.
 * Immutable after df_model_open. Names are diffusers' newest (to_q, to_k, to_v, to_out.0); older
 * spellings and 2-D, 3-D or 4-D attention weights are accepted from files (core.md C2). */
#ifndef DF_MODEL_MODEL_H
#define DF_MODEL_MODEL_H

#include "model/config.h"
#include "model/texton.h"

typedef struct df_weight
{
  const char  *name;           /* canonical                                                    */
  int          dims;           /* 1 … 4                                                        */
  size_t       shape[4];       /* as in the file: conv [O,I,kh,kw], linear [O,I]; 1 beyond dims */
  size_t       count;
  const float *data;           /* into the mapping where it is F32 and aligned, else converted  */
} df_weight;

struct df_model
{
  df_model_info        info;
  df_unet_config       unet;
  df_scheduler_config  scheduler;
  df_card              card;
  df_texton            texton;        /* kernel NULL: none                                      */
  df_weight           *weights;       /* sorted by name                                         */
  size_t               num_weights;
  char              **class_names;    /* num_classes, owned                                     */
  struct df_safetensors *file;        /* the mapping that weights may point into                */
  float               *converted;     /* weights that had to be copied                          */
  char                *names;         /* canonical names, one after another                     */
};

/* Opens a folder and checks each part by itself; that the weights are those of the network is checked by
 * df_model_open (core/open.c), which knows the network. Errors as there. */
DF_CHECKED df_status df_model_load (df_model **out, const char *path, df_error *err);

/* The weight of that canonical name and shape; NULL with FORMAT in err (names the tensor, the shape wanted and
 * the shape found) when it is missing or different. A linear [O,I] also matches [O,I,1] and [O,I,1,1]. */
const df_weight *df_model_weight (const df_model *model, const char *name, int dims,
                                  const size_t *shape, df_error *err);

/* Saving, for the trainer: a model folder in the layout of DDPMPipeline.save_pretrained. Each file is
 * written beside and renamed; an existing folder is updated. Errors: IO (path, what to do). */
DF_CHECKED df_status df_model_save (const char *folder, const df_unet_config *unet,
                                    const df_scheduler_config *scheduler, const df_card *card,
                                    const df_weight *weights, size_t num_weights, bool fp16,
                                    df_error *err);

#endif
