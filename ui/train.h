/* SPDX-License-Identifier: GPL-3.0-or-later */
/* train: the dialog of Train Model on This Image. */
#ifndef UI_TRAIN_H
#define UI_TRAIN_H

#include <libgimp/gimp.h>

/* TRUE: run with what is in the config. */
gboolean train_dialog_run (GimpProcedure *procedure, GimpProcedureConfig *config, GimpImage *image,
                           GimpDrawable **drawables);

#endif
