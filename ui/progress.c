/* SPDX-License-Identifier: GPL-3.0-or-later */
/* progress: see progress.h. */
#include "progress.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

#define SIDE    320     /* a preview is scaled to fit this square … */
#define LARGEST 4       /* … but a small one not more than so far    */

static guchar
byte_of (float x)
{
  return (guchar) (CLAMP (x / 2.0f + 0.5f, 0.0f, 1.0f) * 255.0f + 0.5f);
}

/* Grey and colour as they are; premultiplied colour on black. */
static GdkPixbuf *
pixbuf_of (const progress *p, const float *x)
{
  GdkPixbuf *pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, p->width, p->height);
  guchar    *pixels = gdk_pixbuf_get_pixels (pixbuf);
  int        stride = gdk_pixbuf_get_rowstride (pixbuf);

  for (int y = 0; y < p->height; y++)
    for (int i = 0; i < p->width; i++, x += p->channels)
      for (int c = 0; c < 3; c++)
        pixels[y * stride + 3 * i + c] = byte_of (x[p->channels == 1 ? 0 : c]);
  return pixbuf;
}

static double
scale_of (const progress *p)
{
  return MIN ((double) LARGEST, (double) SIDE / MAX (p->width, p->height));
}

static void
show_picture (progress *p, const float *estimate)
{
  GdkPixbuf *whole = pixbuf_of (p, estimate);
  double     scale = scale_of (p);
  GdkPixbuf *fit   = gdk_pixbuf_scale_simple (whole, MAX ((int) (p->width * scale), 1),
                                              MAX ((int) (p->height * scale), 1), GDK_INTERP_BILINEAR);

  gtk_image_set_from_pixbuf (GTK_IMAGE (p->picture), fit);
  g_object_unref (fit);
  g_object_unref (whole);
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
  GtkWidget *box, *text;

  p->width    = width;
  p->height   = height;
  p->channels = channels;
  p->window   = gimp_dialog_new (title, "gimp-diffusion-progress", NULL, 0, NULL, NULL, "_Cancel", GTK_RESPONSE_CANCEL,
                                 "_Stop and Keep This", GTK_RESPONSE_ACCEPT, NULL);
  p->picture  = gtk_image_new ();
  p->bar      = gtk_progress_bar_new ();
  text        = gtk_label_new ("What the network now expects the picture to be (x̂₀)");
  box         = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  gtk_widget_set_size_request (p->picture, (int) (width * scale_of (p)), (int) (height * scale_of (p)));
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
