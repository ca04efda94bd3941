/* SPDX-License-Identifier: GPL-3.0-or-later */
/* model_chooser: see model_chooser.h. */
#include "model_chooser.h"

#include <glib/gi18n-lib.h>

#include "plugin/find_model.h"

enum { COLUMN_PICTURE, COLUMN_TITLE, COLUMN_ID, NUM_COLUMNS };

#define THUMBNAIL 48

static GdkPixbuf *
thumbnail_of (const char *folder)
{
  char      *path   = g_build_filename (folder, "thumbnail.png", NULL);
  GdkPixbuf *pixbuf = gdk_pixbuf_new_from_file_at_scale (path, THUMBNAIL, THUMBNAIL, TRUE, NULL);

  g_free (path);
  return pixbuf;
}

/* Title of a model folder; its name when the model cannot be opened. g_free. */
static char *
title_of (const char *folder)
{
  df_model *model;
  char     *title;

  if (df_model_open (&model, folder, NULL) != DF_OK)
    {
      char *name = g_path_get_basename (folder);

      title = g_strdup_printf (_("%s (cannot be used)"), name);
      g_free (name);
      return title;
    }
  title = g_strdup (df_model_describe (model)->title);
  df_model_close (model);
  return title;
}

static GtkWidget *
model_combo (GPtrArray *folders)
{
  GtkListStore    *store = gtk_list_store_new (NUM_COLUMNS, GDK_TYPE_PIXBUF, G_TYPE_STRING, G_TYPE_STRING);
  GtkWidget       *combo = gtk_combo_box_new_with_model (GTK_TREE_MODEL (store));
  GtkCellRenderer *picture = gtk_cell_renderer_pixbuf_new (), *text = gtk_cell_renderer_text_new ();

  for (guint i = 0; i < folders->len; i++)
    {
      GdkPixbuf *pixbuf = thumbnail_of (folders->pdata[i]);
      char      *title = title_of (folders->pdata[i]), *id = g_path_get_basename (folders->pdata[i]);

      gtk_list_store_insert_with_values (store, NULL, -1, COLUMN_PICTURE, pixbuf, COLUMN_TITLE, title, COLUMN_ID, id, -1);
      g_clear_object (&pixbuf);
      g_free (title);
      g_free (id);
    }
  gtk_cell_layout_pack_start (GTK_CELL_LAYOUT (combo), picture, FALSE);
  gtk_cell_layout_pack_start (GTK_CELL_LAYOUT (combo), text, TRUE);
  gtk_cell_layout_add_attribute (GTK_CELL_LAYOUT (combo), picture, "pixbuf", COLUMN_PICTURE);
  gtk_cell_layout_add_attribute (GTK_CELL_LAYOUT (combo), text, "text", COLUMN_TITLE);
  gtk_combo_box_set_id_column (GTK_COMBO_BOX (combo), COLUMN_ID);
  g_object_unref (store);
  return combo;
}

static void
fill_classes (model_chooser *c)
{
  GtkComboBoxText     *combo = GTK_COMBO_BOX_TEXT (c->classes);
  const df_model_info *info  = c->model != NULL ? df_model_describe (c->model) : NULL;
  char                *wanted;

  g_object_get (c->config, "class", &wanted, NULL);
  gtk_combo_box_text_remove_all (combo);
  if (info == NULL || info->num_classes == 0 || info->null_class >= 0)
    gtk_combo_box_text_append (combo, "", info != NULL && info->num_classes > 0 ? _("any") : _("none"));
  for (int i = 0; info != NULL && i < info->num_classes; i++)
    gtk_combo_box_text_append (combo, info->class_names[i], info->class_names[i]);
  if (!gtk_combo_box_set_active_id (GTK_COMBO_BOX (combo), wanted != NULL ? wanted : ""))
    gtk_combo_box_set_active (GTK_COMBO_BOX (combo), 0);
  gtk_widget_set_sensitive (c->classes, info != NULL && info->num_classes > 0);
  g_free (wanted);
}

static void
describe (model_chooser *c)
{
  const df_model_info *info = c->model != NULL ? df_model_describe (c->model) : NULL;
  char                *text;

  if (info == NULL)
    text = g_strdup ("");
  else
    text = g_strdup_printf ("%s%s%s%s", info->description, info->description[0] != '\0' ? "\n" : "",
                            info->licence[0] != '\0' ? _("Licence: ") : "", info->licence);
  gtk_label_set_text (GTK_LABEL (c->about), text);
  gtk_widget_set_visible (c->about, text[0] != '\0');
  g_free (text);
}

static void
model_chosen (GtkComboBox *combo, model_chooser *c)
{
  int      index = gtk_combo_box_get_active (combo);
  df_error err   = { DF_OK, "" };

  df_model_close (c->model);
  c->model = NULL;
  if (index >= 0)
    {
      g_object_set (c->config, "model", gtk_combo_box_get_active_id (combo), NULL);
      if (df_model_open (&c->model, c->folders->pdata[index], &err) != DF_OK)
        c->model = NULL;
    }
  g_free (c->problem);
  c->problem = g_strdup (index >= 0 ? err.text : _("No model is installed: import one with Filters ▸ Diffusion ▸ Model Library."));
  fill_classes (c);
  describe (c);
  if (c->changed != NULL)
    c->changed (c->user);
}

/* Config → list, for Reset and saved settings. A word that the list lacks gives way to the list's own choice. */
static void
follow (model_chooser *c, const char *property, GtkWidget *list)
{
  GtkComboBox *combo = GTK_COMBO_BOX (list);
  char        *wanted;

  g_object_get (c->config, property, &wanted, NULL);
  if (g_strcmp0 (wanted, gtk_combo_box_get_active_id (combo)) != 0 &&
      !gtk_combo_box_set_active_id (combo, wanted != NULL ? wanted : ""))
    {
      gtk_combo_box_set_active (combo, 0);
      g_object_set (c->config, property, gtk_combo_box_get_active_id (combo), NULL);
    }
  g_free (wanted);
}

static void
follow_model (model_chooser *c)
{
  follow (c, "model", c->models);
}

static void
follow_class (model_chooser *c)
{
  follow (c, "class", c->classes);
}

static void
class_chosen (GtkComboBox *combo, model_chooser *c)
{
  const char *id = gtk_combo_box_get_active_id (combo);

  if (id != NULL)
    g_object_set (c->config, "class", id, NULL);
}

model_chooser *
model_chooser_new (GObject *config, void (*changed) (gpointer user), gpointer user)
{
  model_chooser *c = g_new0 (model_chooser, 1);

  c->config  = config;
  c->folders = find_models ();
  c->models  = model_combo (c->folders);
  c->classes = gtk_combo_box_text_new ();
  c->about   = gtk_label_new (NULL);
  gtk_widget_set_tooltip_text (c->classes, _("What it is to show, of what the model knows; any: whatever comes"));
  gtk_label_set_line_wrap (GTK_LABEL (c->about), TRUE);
  gtk_label_set_max_width_chars (GTK_LABEL (c->about), 48);
  gtk_label_set_xalign (GTK_LABEL (c->about), 0.0);
  gtk_widget_set_no_show_all (c->about, TRUE);      /* hidden where there is nothing to say */
  g_signal_connect (c->classes, "changed", G_CALLBACK (class_chosen), c);
  follow_model (c);
  model_chosen (GTK_COMBO_BOX (c->models), c);
  c->changed = changed;
  c->user    = user;
  g_signal_connect (c->models, "changed", G_CALLBACK (model_chosen), c);
  g_signal_connect_swapped (config, "notify::model", G_CALLBACK (follow_model), c);
  g_signal_connect_swapped (config, "notify::class", G_CALLBACK (follow_class), c);
  return c;
}

void
model_chooser_free (model_chooser *c)
{
  g_signal_handlers_disconnect_by_data (c->config, c);
  g_ptr_array_unref (c->folders);
  df_model_close (c->model);
  g_free (c->problem);
  g_free (c);
}
