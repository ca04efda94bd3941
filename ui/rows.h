/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rows: what our dialogs are made of (in dialog.c): a grid of labels and controls, each bound to a property of the
 * config both ways. */
#ifndef UI_ROWS_H
#define UI_ROWS_H

#include <libgimp/gimpui.h>

#include "model_chooser.h"
#include "plugin/args.h"

typedef struct dialog
{
  GObject       *config;
  GtkWidget     *grid;         /* rows go here: the dialog's own, later that of the expander */
  int            row;
  model_chooser *chooser;      /* NULL where no model is used */
  GtkAdjustment *level;        /* √ᾱ_t; denoise only */
  GtkWidget     *scale, *level_text;
  GtkWidget     *advice;       /* on guidance, by the model */
  GtkWidget     *scroll;       /* around all rows; NULL where they are few */
  gboolean       setting;      /* the slider follows the config just now */
  /* what is asked for */
  GimpProcedure *procedure;
  GimpImage     *image;
  GimpDrawable **drawables;
  procedure_kind kind;
} dialog;

/* A window, and an empty grid that is not yet in it; and at last: wait for the answer, close it. TRUE: OK. */
GtkWidget *dialog_open   (dialog *d, GimpProcedure *procedure, const char *title);
gboolean   dialog_answer (dialog *d, GtkWidget *window);

void       add_row   (dialog *d, const char *label, GtkWidget *control);
void       add_check (dialog *d, const char *property, const char *label);
/* lowest: name of the lowest value, or NULL. */
GtkWidget *spin      (dialog *d, const char *property, double low, double high, double step, int digits,
                      const char *lowest, const char *tip);
/* ids: NULL-ended; the first is taken where the config says none of them. */
GtkWidget *words     (dialog *d, const char *property, const char *const *ids, const char *const *labels);
void       add_memory_cap (dialog *d);

#endif
