/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rehearse: see rehearse.h. The run has a main loop of its own within that of the dialog: when the dialog is answered
 * meanwhile, the run is told to end, its loop ends first, and then that of the dialog. */
#include "rehearse.h"

#include <glib/gi18n-lib.h>

#include "picture.h"
#include "readout.h"

static GdkPixbuf *
pixbuf_of (const rehearse *r, const float *x)
{
  return picture_pixbuf (x, r->view.width, r->view.height, r->view.channels);
}

static void
opened (gpointer user, const job_view *view)
{
  rehearse *r = user;

  r->view = *view;
  split_show (r->picture, view->before != NULL ? pixbuf_of (r, view->before) : NULL,
              view->before != NULL ? pixbuf_of (r, view->before) : NULL);
}

static job_answer
show (gpointer user, const job_moment *now)
{
  rehearse *r = user;
  char     *text;

  if (r->answer != JOB_GO_ON)
    return r->answer;
  text = readout_step (now);
  gtk_progress_bar_set_fraction (GTK_PROGRESS_BAR (r->bar), now->fraction);
  gtk_label_set_text (r->text, text);
  if (now->estimate != NULL)
    split_after (r->picture, pixbuf_of (r, now->estimate));
  g_free (text);
  return r->answer;
}

static void
set_running (rehearse *r, gboolean running)
{
  r->running = running;
  r->shown   = running || r->shown;
  gtk_button_set_label (GTK_BUTTON (r->button), running ? _("Stop Previe_w") : _("Previe_w"));
  gtk_widget_set_visible (r->bar, running);
}

static void
finished (rehearse *r, const rehearsal *result)
{
  GdkPixbuf *before = result->before == NULL ? NULL
                          : picture_pixbuf (result->before, result->width, result->height, result->channels);

  split_show (r->picture, before, picture_pixbuf (result->after, result->width, result->height, result->channels));
  gtk_label_set_text (r->text, before != NULL ? _("Preview: before, and right of the divider what OK makes")
                                              : _("Preview: the first picture that OK makes"));
}

static void
clicked (GtkButton *button, rehearse *r)
{
  const job_watch   watch  = { .user = r, .open = opened, .show = show };
  rehearsal         result = { 0 };
  GError           *error  = NULL;
  GimpPDBStatusType status;
  settings          s;
  gboolean          fine;

  if (r->running)
    {
      rehearse_forget (r);
      return;
    }
  s         = args_read (r->config, r->kind);
  r->answer = JOB_GO_ON;
  set_running (r, TRUE);
  fine = r->kind == PROCEDURE_GENERATE ? run_rehearse_generate (r->image, &s, &watch, &result, &status, &error)
                                       : run_rehearse_denoise (r->image, r->drawables, &s, &watch, &result, &status, &error);
  set_running (r, FALSE);
  if (fine && r->answer == JOB_GO_ON)
    finished (r, &result);
  else if (error != NULL)
    gtk_label_set_text (r->text, error->message);
  else
    rehearse_forget (r);
  g_clear_error (&error);
  rehearsal_clear (&result);
  settings_clear (&s);
}

void
rehearse_forget (rehearse *r)
{
  r->answer = JOB_CANCEL;
  if (!r->shown || r->running)     /* a run comes here again at its end */
    return;
  r->shown = FALSE;
  r->forgotten (r->user);
}

/* Help leaves the dialog where it is. */
static void
answered (GtkDialog *window, int response, rehearse *r)
{
  if (response != GTK_RESPONSE_HELP)
    r->answer = JOB_CANCEL;
}

rehearse *
rehearse_new (GtkWidget *window, Split *picture, GtkLabel *text, GimpImage *image, GimpDrawable **drawables,
              GimpProcedureConfig *config, procedure_kind kind)
{
  rehearse *r = g_new0 (rehearse, 1);

  *r = (rehearse) { .picture = picture, .text = text, .image = image, .drawables = drawables, .config = config, .kind = kind };
  r->box    = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  r->button = gtk_button_new_with_mnemonic (_("Previe_w"));
  r->bar    = gtk_progress_bar_new ();
  gtk_widget_set_tooltip_text (r->button, _("Runs without touching the image, and shows what OK would make; OK then computes it once more"));
  gtk_widget_set_no_show_all (r->bar, TRUE);
  gtk_box_pack_start (GTK_BOX (r->box), r->button, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (r->box), r->bar, FALSE, FALSE, 0);
  g_signal_connect (r->button, "clicked", G_CALLBACK (clicked), r);
  g_signal_connect (window, "response", G_CALLBACK (answered), r);
  return r;
}

void
rehearse_free (rehearse *r)
{
  g_free (r);
}
