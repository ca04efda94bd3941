/* SPDX-License-Identifier: GPL-3.0-or-later */
/* progress: see progress.h. */
#include "progress.h"

#include <glib/gi18n-lib.h>
#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

#include "pick.h"
#include "picture.h"
#include "readout.h"
#include "split.h"

#define SOONEST 2.0     /* seconds and … */
#define LEAST   0.01    /* … share of the run before it is said how long it takes */

/* The first answer counts: an insensitive window can still be closed. */
static void
answered (GtkDialog *window, int response, progress *p)
{
  if (p->answer != JOB_GO_ON)
    return;
  p->answer = response == GTK_RESPONSE_ACCEPT ? JOB_STOP : JOB_CANCEL;
  gtk_widget_set_sensitive (GTK_WIDGET (window), FALSE);
}

/* The caption, which with two pictures has a key that leads to the divider. */
static GtkWidget *
caption_of (const progress *p)
{
  GtkWidget *label;

  if (p->view.before == NULL)
    return gtk_label_new (p->caption != NULL ? p->caption : _("What the network now expects the picture to be (x̂₀)"));
  label = gtk_label_new_with_mnemonic (_("_Before, and right of the divider what the network now expects (x̂₀)"));
  gtk_label_set_mnemonic_widget (GTK_LABEL (label), p->picture);
  return label;
}

static GtkWidget *
fill (progress *p)
{
  GtkWidget *box   = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  double     scale = picture_scale (p->view.width, p->view.height);

  p->picture = split_new ((int) (p->view.width * scale), (int) (p->view.height * scale), _("The picture as it emerges"));
  p->bar     = gtk_progress_bar_new ();
  p->readout = gtk_label_new (NULL);
  p->left    = gtk_label_new (NULL);
  gtk_container_set_border_width (GTK_CONTAINER (box), 12);
  gtk_box_pack_start (GTK_BOX (box), p->picture, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), caption_of (p), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), p->bar, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), p->readout, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), p->left, FALSE, FALSE, 0);
  return box;
}

static void
open_window (gpointer user, const job_view *view)
{
  progress  *p = user;
  GtkWidget *box;

  p->view   = *view;
  p->window = gimp_dialog_new (view->title, "gimp-diffusion-progress", NULL, 0, NULL, NULL, _("_Cancel"), GTK_RESPONSE_CANCEL,
                               _("_Stop and Keep This"), GTK_RESPONSE_ACCEPT, NULL);
  box       = fill (p);
  if (view->before != NULL)
    split_show (DIFFUSION_SPLIT (p->picture), picture_pixbuf (view->before, view->width, view->height, view->channels),
                picture_pixbuf (view->before, view->width, view->height, view->channels));
  gtk_box_pack_start (GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (p->window))), box, TRUE, TRUE, 0);
  /* closing the window must not destroy it: it answers as Cancel does */
  g_signal_connect (p->window, "delete-event", G_CALLBACK (gtk_true), NULL);
  g_signal_connect (p->window, "response", G_CALLBACK (answered), p);
  gimp_window_set_transient (GTK_WINDOW (p->window));
  gtk_dialog_set_default_response (GTK_DIALOG (p->window), GTK_RESPONSE_ACCEPT);
  gtk_dialog_set_response_sensitive (GTK_DIALOG (p->window), GTK_RESPONSE_ACCEPT, FALSE);
  gtk_widget_show_all (p->window);
  gtk_window_present (GTK_WINDOW (p->window));
}

static void
show_left (progress *p, double fraction)
{
  double past = (double) (g_get_monotonic_time () - p->started) / G_USEC_PER_SEC, done = fraction - p->from;
  char  *time, *text;

  if (past < SOONEST || done < LEAST)
    return;
  time = readout_duration (past * (1.0 - fraction) / done);
  text = g_strdup_printf (_("%s left"), time);
  gtk_label_set_text (GTK_LABEL (p->left), text);
  g_free (text);
  g_free (time);
}

static job_answer
show (gpointer user, const job_moment *now)
{
  progress *p = user;
  char     *text = readout_step (now);

  if (p->started == 0)
    {
      p->started = g_get_monotonic_time ();
      p->from    = now->fraction;
    }
  /* before the first whole step of a sampler there is nothing to keep */
  gtk_dialog_set_response_sensitive (GTK_DIALOG (p->window), GTK_RESPONSE_ACCEPT,
                                     now->steps == 0 || now->step > 0 || now->picture > 0);
  gtk_progress_bar_set_fraction (GTK_PROGRESS_BAR (p->bar), now->fraction);
  gtk_label_set_text (GTK_LABEL (p->readout), text);
  gtk_widget_set_visible (p->readout, text[0] != '\0');     /* training has no t */
  show_left (p, now->fraction);
  if (now->estimate != NULL)
    split_after (DIFFUSION_SPLIT (p->picture),
                 picture_pixbuf (now->estimate, p->view.width, p->view.height, p->view.channels));
  g_free (text);
  return p->answer;
}

static gboolean
choose (gpointer user, const job_choice *choice, gboolean *keep)
{
  progress_close (user);
  return pick_run (choice, keep);
}

job_watch
progress_watch (progress *p)
{
  return (job_watch) { p, open_window, show, choose };
}

void
progress_close (progress *p)
{
  g_clear_pointer (&p->window, gtk_widget_destroy);
}
