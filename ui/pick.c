/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pick: see pick.h. */
#include "pick.h"

#include <glib/gi18n-lib.h>
#include <libgimp/gimpui.h>

#include "picture.h"

#define COLUMNS 5
#define FEW     4      /* pictures that are shown larger */
#define LARGE   240    /* sides on the screen            */
#define SMALL   150
#define WINDOW  560    /* height at which it scrolls     */

typedef struct pick
{
  GtkWidget  *window, *all;
  GtkWidget **checks;
  int         count;
  gboolean    setting;     /* `all` changes the others just now, or they it */
} pick;

static void
checked (pick *p)
{
  int n = 0;

  if (p->setting)
    return;
  for (int i = 0; i < p->count; i++)
    n += gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (p->checks[i]));
  p->setting = TRUE;
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (p->all), n == p->count);
  gtk_toggle_button_set_inconsistent (GTK_TOGGLE_BUTTON (p->all), n > 0 && n < p->count);
  p->setting = FALSE;
  gtk_dialog_set_response_sensitive (GTK_DIALOG (p->window), GTK_RESPONSE_OK, n > 0);
}

static void
all_checked (pick *p)
{
  gboolean on = gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (p->all));

  if (p->setting)
    return;
  p->setting = TRUE;
  for (int i = 0; i < p->count; i++)
    gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (p->checks[i]), on);
  p->setting = FALSE;
  checked (p);
}

/* A check mark with a picture and its name; the first nine have a digit as their key. */
static GtkWidget *
check_for (const job_choice *c, int index, int side)
{
  GtkWidget *check = gtk_check_button_new (), *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6), *name;
  GdkPixbuf *own   = picture_pixbuf (c->pictures[index], c->view.width, c->view.height, c->view.channels), *fit;
  int        width = gdk_pixbuf_get_width (own), height = gdk_pixbuf_get_height (own);
  double     scale = MIN (1.0, (double) side / MAX (width, height));
  char      *text  = index < 9 ? g_strdup_printf ("_%d: %s", index + 1, c->names[index]) : g_strdup (c->names[index]);

  fit  = gdk_pixbuf_scale_simple (own, MAX ((int) (width * scale), 1), MAX ((int) (height * scale), 1), GDK_INTERP_BILINEAR);
  name = index < 9 ? gtk_label_new_with_mnemonic (text) : gtk_label_new (text);
  gtk_label_set_mnemonic_widget (GTK_LABEL (name), check);
  atk_object_set_name (gtk_widget_get_accessible (check), c->names[index]);
  gtk_box_pack_start (GTK_BOX (box), gtk_image_new_from_pixbuf (fit), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), name, FALSE, FALSE, 0);
  gtk_container_add (GTK_CONTAINER (check), box);
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (check), TRUE);
  g_free (text);
  g_object_unref (fit);
  g_object_unref (own);
  return check;
}

static GtkWidget *
thumbnails (pick *p, const job_choice *c)
{
  GtkWidget *grid = gtk_grid_new (), *scrolled = gtk_scrolled_window_new (NULL, NULL);

  gtk_grid_set_row_spacing (GTK_GRID (grid), 12);
  gtk_grid_set_column_spacing (GTK_GRID (grid), 12);
  p->checks = g_new (GtkWidget *, c->count);
  for (int i = 0; i < c->count; i++)
    {
      p->checks[i] = check_for (c, i, c->count <= FEW ? LARGE : SMALL);
      g_signal_connect_swapped (p->checks[i], "toggled", G_CALLBACK (checked), p);
      gtk_grid_attach (GTK_GRID (grid), p->checks[i], i % COLUMNS, i / COLUMNS, 1, 1);
    }
  gtk_scrolled_window_set_propagate_natural_width (GTK_SCROLLED_WINDOW (scrolled), TRUE);
  gtk_scrolled_window_set_propagate_natural_height (GTK_SCROLLED_WINDOW (scrolled), TRUE);
  gtk_scrolled_window_set_max_content_height (GTK_SCROLLED_WINDOW (scrolled), WINDOW);
  gtk_scrolled_window_set_max_content_width (GTK_SCROLLED_WINDOW (scrolled), 2 * WINDOW);
  gtk_container_add (GTK_CONTAINER (scrolled), grid);
  return scrolled;
}

static void
build (pick *p, const job_choice *c)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);

  p->count  = c->count;
  p->window = gimp_dialog_new (_("Choose What to Keep"), "gimp-diffusion-pick", NULL, 0, NULL, NULL, _("_Cancel"),
                               GTK_RESPONSE_CANCEL, _("_Keep"), GTK_RESPONSE_OK, NULL);
  p->all    = gtk_check_button_new_with_mnemonic (_("_All"));
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (p->all), TRUE);
  gtk_container_set_border_width (GTK_CONTAINER (box), 12);
  gtk_box_pack_start (GTK_BOX (box), thumbnails (p, c), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), p->all, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (p->window))), box, TRUE, TRUE, 0);
  g_signal_connect_swapped (p->all, "toggled", G_CALLBACK (all_checked), p);
  gtk_dialog_set_default_response (GTK_DIALOG (p->window), GTK_RESPONSE_OK);
  gimp_window_set_transient (GTK_WINDOW (p->window));
  gtk_widget_show_all (p->window);
  gtk_widget_grab_focus (p->checks[0]);
  gtk_window_present (GTK_WINDOW (p->window));
}

gboolean
pick_run (const job_choice *choice, gboolean *keep)
{
  pick     p = { 0 };
  gboolean go;

  build (&p, choice);
  go = gtk_dialog_run (GTK_DIALOG (p.window)) == GTK_RESPONSE_OK;
  for (int i = 0; i < p.count; i++)
    keep[i] = gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (p.checks[i]));
  p.setting = TRUE;
  gtk_widget_destroy (p.window);
  g_free (p.checks);
  return go;
}
