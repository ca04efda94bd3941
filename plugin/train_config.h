/* SPDX-License-Identifier: GPL-3.0-or-later */
/* train_config: how a model is trained that shall be learned in minutes. */
#ifndef PLUGIN_TRAIN_CONFIG_H
#define PLUGIN_TRAIN_CONFIG_H

#include <glib.h>

#include "args.h"
#include "core/diffusion.h"
#include "train_data.h"

/* The side of the patches: what was asked for, else what works best for the base (NULL: from nothing) and fits the sources.
 * 0 with an error. */
int   train_patch_size (const settings *s, const df_model_info *base, const sources *data, GError **error);
/* The configuration as JSON for df_trainer_new; g_free. title, description: for the card. */
char *train_config     (const settings *s, const df_model_info *base, int patch, int channels, const char *title,
                        const char *description);
/* The configuration of a stopped run, under another memory cap; g_free. */
char *train_config_cap (const char *text, int memory_mb);

#endif
