/* SPDX-License-Identifier: GPL-3.0-or-later */
/* find_model: where models lie: beside the plug-in, in the user's data folder, in $GIMP_DIFFUSION_MODELS. */
#ifndef PLUGIN_FIND_MODEL_H
#define PLUGIN_FIND_MODEL_H

#include <glib.h>

/* Folders of all models found, those that shadow others by name first; the shipped default leads. Transfer full. */
GPtrArray *find_models     (void);
/* The folder of this program; g_free. */
char      *find_own_folder (void);
/* The user's own folder of models, which may not exist; g_free. */
char      *find_user_models (void);
/* Folder of a model by name or path; "" is the default. NULL with an error that lists the names. g_free. */
char      *find_model_path (const char *name, GError **error);

/* Removes a folder and all in it; links are not followed. */
void remove_tree (const char *path);

#endif
