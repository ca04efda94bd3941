/* SPDX-License-Identifier: GPL-3.0-or-later */
/* progress: see progress.h. */
#include "progress.h"

#include <glib/gi18n-lib.h>
#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

#include "picture.h"

static void
show_picture (progress *p, const float *estimate)
{
  GdkPixbuf *fit = picture_pixbuf (estimate, p->width, p->height, p->channels);

  gtk_image_set_from_pixbuf (GTK_IMAGE (p->picture), fit);
  g_object_unref (fit);
}

static void
answered (GtkDialog *window, int response, progress *p)
{
  p->answer = response == GTK_RESPONSE_ACCEPT ? JOB_STOP : JOB_CANCEL;
  gtk_widget_set_sensitive (GTK_WIDGET (window), FALSE);
}

static void
open_window (gpointer user, const char *title, int width, int height, int channels)
{
  progress  *p = user;
  double     scale = picture_scale (width, height);
  GtkWidget *box, *text;

  p->width    = width;
  p->height   = height;
  p->channels = channels;
  p->window   = gimp_dialog_new (title, "gimp-diffusion-progress", NULL, 0, NULL, NULL, _("_Cancel"), GTK_RESPONSE_CANCEL,
                                 _("_Stop and Keep This"), GTK_RESPONSE_ACCEPT, NULL);
  p->picture  = gtk_image_new ();
  p->bar      = gtk_progress_bar_new ();
  text        = gtk_label_new (p->caption != NULL ? p->caption : _("What the network now expects the picture to be (x̂₀)"));
  box         = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  gtk_widget_set_size_request (p->picture, (int) (width * scale), (int) (height * scale));
  atk_object_set_name (gtk_widget_get_accessible (p->picture), _("The picture as it emerges"));
  gtk_container_set_border_width (GTK_CONTAINER (box), 12);
  gtk_box_pack_start (GTK_BOX (box), p->picture, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), text, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), p->bar, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (p->window))), box, TRUE, TRUE, 0);
  /* closing the window must not destroy it: it answers as Cancel does */
  g_signal_connect (p->window, "delete-event", G_CALLBACK (gtk_true), NULL);
  g_signal_connect (p->window, "response", G_CALLBACK (answered), p);
  gimp_window_set_transient (GTK_WINDOW (p->window));
  gtk_dialog_set_default_response (GTK_DIALOG (p->window), GTK_RESPONSE_ACCEPT);
  gtk_widget_show_all (p->window);
  gtk_window_present (GTK_WINDOW (p->window));
}

static job_answer
show (gpointer user, double fraction, const float *estimate)
{
  progress *p = user;

  gtk_progress_bar_set_fraction (GTK_PROGRESS_BAR (p->bar), fraction);
  if (estimate != NULL)
    show_picture (p, estimate);
  return p->answer;
}

job_watch
progress_watch (progress *p)
{
  return (job_watch) { p, open_window, show };
}

void
progress_close (progress *p)
{
  g_clear_pointer (&p->window, gtk_widget_destroy);
}
