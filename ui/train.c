/* SPDX-License-Identifier: GPL-3.0-or-later */
/* train: see train.h. */
#include "train.h"

#include <glib/gi18n-lib.h>

#include "banner.h"
#include "plugin/args.h"
#include "plugin/find_model.h"
#include "plugin/train.h"
#include "rows.h"

/* Where to start: every installed model, and nothing. A base that is not installed gives way to nothing. */
static GtkWidget *
bases (dialog *d)
{
  GPtrArray *models = find_models (), *ids = g_ptr_array_new_with_free_func (g_free);
  GtkWidget *combo;
  char      *now;
  gboolean   known = FALSE;

  g_object_get (d->config, "base", &now, NULL);
  for (guint i = 0; i < models->len; i++)
    {
      g_ptr_array_add (ids, g_path_get_basename (models->pdata[i]));
      known = known || g_strcmp0 (now, ids->pdata[i]) == 0;
    }
  g_ptr_array_insert (ids, known ? -1 : 0, g_strdup (""));
  g_ptr_array_add (ids, NULL);
  g_ptr_array_unref (models);
  models = g_ptr_array_new ();
  for (guint i = 0; ids->pdata[i] != NULL; i++)
    {
      const char *id = ids->pdata[i];

      g_ptr_array_add (models, (gpointer) (id[0] != '\0' ? id : _("nothing: a small new network")));
    }
  combo = words (d, "base", (const char *const *) ids->pdata, (const char *const *) models->pdata);
  g_ptr_array_unref (models);
  g_ptr_array_unref (ids);
  g_free (now);
  return combo;
}

static GtkWidget *
name_entry (dialog *d)
{
  GtkWidget *entry = gtk_entry_new ();

  gtk_entry_set_placeholder_text (GTK_ENTRY (entry), _("as the image"));
  gtk_entry_set_activates_default (GTK_ENTRY (entry), TRUE);
  g_object_bind_property (d->config, "name", entry, "text", G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE);
  return entry;
}

static void
fill (dialog *d)
{
  GtkWidget *text = gtk_label_new (_("Learns the texture of the selected layers. The model is then in the lists\n"
                                     "of Generate Image and Partially Denoise Selection."));

  gtk_label_set_xalign (GTK_LABEL (text), 0.0);
  gtk_grid_attach (GTK_GRID (d->grid), text, 0, d->row++, 2, 1);
  add_row (d, _("_Name"), name_entry (d));
  add_row (d, _("Start _from"), bases (d));
  add_row (d, _("_Minutes"), spin (d, "minutes", 0.1, MINUTES_MAX, 1, 1, NULL, _("You can stop earlier and keep what is learned")));
  add_row (d, _("_Patch size"), spin (d, "patch-size", 0, PATCH_MAX, 8, 0, _("automatic"), _("Side of the squares that are "
                                   "learned from, in pixels: about what the largest detail needs")));
  add_memory_cap (d);
  add_check (d, "exclude-selection", _("Leave out the selec_tion"));
  add_check (d, "resume", _("_Go on with the model of this name, which was stopped"));
  gtk_container_set_border_width (GTK_CONTAINER (d->grid), 12);
}

/* ------------------------------------------------------------------ what stands against it */

typedef struct doubts
{
  const dialog *d;
  GtkWidget    *window;
  banner        banner;
} doubts;

static void
look (doubts *o)
{
  settings s     = args_read (GIMP_PROCEDURE_CONFIG (o->d->config), PROCEDURE_TRAIN);
  GError  *error = NULL;
  gboolean fine  = train_check (o->d->image, o->d->drawables, &s, &error);

  banner_tell (&o->banner, fine ? NULL : error->message);
  gtk_dialog_set_response_sensitive (GTK_DIALOG (o->window), GTK_RESPONSE_OK, fine);
  g_clear_error (&error);
  settings_clear (&s);
}

gboolean
train_dialog_run (GimpProcedure *procedure, GimpProcedureConfig *config, GimpImage *image, GimpDrawable **drawables)
{
  dialog   d = { .config = G_OBJECT (config), .image = image, .drawables = drawables };
  doubts   o = { &d, dialog_open (&d, procedure, _("Train Model on This Image")), banner_new () };
  GtkBox  *area = GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (o.window)));
  gboolean go;

  fill (&d);
  gtk_box_pack_start (area, o.banner.bar, FALSE, FALSE, 0);
  gtk_box_pack_start (area, d.grid, TRUE, TRUE, 0);
  gtk_widget_show_all (d.grid);
  g_signal_connect_swapped (config, "notify", G_CALLBACK (look), &o);
  look (&o);
  go = dialog_answer (&d, o.window);
  g_signal_handlers_disconnect_by_data (config, &o);
  return go;
}
