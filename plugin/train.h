/* SPDX-License-Identifier: GPL-3.0-or-later */
/* train: the journey of a picture into a model. */
#ifndef PLUGIN_TRAIN_H
#define PLUGIN_TRAIN_H

#include <libgimp/gimp.h>

#include "args.h"
#include "job.h"

/* What can be said before the run: FALSE with an error. */
gboolean train_check (GimpImage *image, GimpDrawable **drawables, settings *s, GError **error);

/* The model's name (g_free), found from now on as any other; NULL with *status and, unless that is CANCEL, an error. */
char *run_train (GimpImage *image, GimpDrawable **drawables, settings *s, const job_watch *watch,
                 GimpPDBStatusType *status, GError **error);

#endif
