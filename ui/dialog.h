/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dialog: the dialogs of both procedures: they choose arguments on the config and never touch the image. */
#ifndef UI_DIALOG_H
#define UI_DIALOG_H

#include <libgimp/gimp.h>

#include "plugin/args.h"

/* Whether a window can be opened; must be asked first, GTK aborts without a display. */
gboolean dialog_possible (void);
/* For windows without a dialog before them. */
void     dialog_prepare  (void);
/* TRUE: run with what is in the config. */
gboolean dialog_run      (GimpProcedure *procedure, GimpProcedureConfig *config, procedure_kind kind, GimpImage *image,
                          GimpDrawable **drawables);

#endif
