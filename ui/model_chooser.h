/* SPDX-License-Identifier: GPL-3.0-or-later */
/* model_chooser: a list of installed models with thumbnail and title, bound to the config's "model"; and a list of
 * the chosen model's classes, bound to "class". */
#ifndef UI_MODEL_CHOOSER_H
#define UI_MODEL_CHOOSER_H

#include <gtk/gtk.h>
#include <libgimp/gimp.h>

#include "core/diffusion.h"

typedef struct model_chooser
{
  GObject   *config;
  GPtrArray *folders;
  GtkWidget *models, *classes, *about;   /* combo, combo, label with licence and description */
  df_model  *model;                      /* the chosen one, NULL when it cannot be opened …   */
  char      *problem;                    /* … and then why                                    */
  void     (*changed) (gpointer user);
  gpointer   user;
} model_chooser;

/* changed is called whenever another model was opened. Free when the dialog is gone. */
model_chooser *model_chooser_new  (GObject *config, void (*changed) (gpointer user), gpointer user);
void           model_chooser_free (model_chooser *chooser);

#endif
