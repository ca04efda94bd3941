/* SPDX-License-Identifier: GPL-3.0-or-later */
/* train_folder: where a new model comes to be: a hidden folder beside the user's models, which becomes the model by
 * one rename, so that nothing half written is ever found. */
#ifndef PLUGIN_TRAIN_FOLDER_H
#define PLUGIN_TRAIN_FOLDER_H

#include <glib.h>

typedef struct train_folder
{
  char *target;        /* the model                                     */
  char *work;          /* hidden, of this process                       */
  char *checkpoint;    /* in target: what a stopped run goes on from    */
} train_folder;

/* Whether a model of that name can come to be; resume: it must be there with its checkpoint, else it must not. FALSE with
 * an error that says what to do. */
gboolean train_folder_check   (const char *name, gboolean resume, GError **error);
/* For a name that was checked: makes the work folder, and removes those of processes that were killed. */
gboolean train_folder_open    (train_folder *f, const char *name, GError **error);
/* Work becomes the model. Where another has taken the name meanwhile it gets a free one like it: *name, f->target. */
gboolean train_folder_publish (train_folder *f, char **name, GError **error);
/* Removes the work folder if it is still there. */
void     train_folder_close   (train_folder *f);

/* A free name made of a text: what files cannot be called is replaced, and a number put behind. g_free. */
char    *train_folder_name    (const char *text);

#endif
