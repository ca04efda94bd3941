/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rehearse: the Preview button of a dialog: a run off the image, shown as it goes in the dialog's own picture, and at its
 * end beside the picture before. OK with the same settings then makes the same pixels. */
#ifndef UI_REHEARSE_H
#define UI_REHEARSE_H

#include <gtk/gtk.h>
#include <libgimp/gimp.h>

#include "plugin/args.h"
#include "plugin/run.h"
#include "split.h"

typedef struct rehearse
{
  GtkWidget           *box, *button, *bar;   /* box holds the two, to be packed                     */
  Split               *picture;
  GtkLabel            *text;                 /* under the picture                                   */
  GimpImage           *image;
  GimpDrawable       **drawables;
  GimpProcedureConfig *config;
  procedure_kind       kind;
  gboolean             running, shown;       /* shown: the picture is ours, under way or finished   */
  job_answer           answer;
  job_view             view;
  void               (*forgotten) (gpointer user);
  gpointer             user;
} rehearse;

/* The window's answers end a preview that is under way. picture and text are the dialog's own; box, button and the widgets
 * of the window live as long as it. Set forgotten and user: they take picture and text back. */
rehearse *rehearse_new    (GtkWidget *window, Split *picture, GtkLabel *text, GimpImage *image, GimpDrawable **drawables,
                           GimpProcedureConfig *config, procedure_kind kind);
/* What is shown is no longer what OK would make: ends what is under way, and gives the picture back. */
void      rehearse_forget (rehearse *r);
void      rehearse_free   (rehearse *r);

#endif
