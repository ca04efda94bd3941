/* SPDX-License-Identifier: GPL-3.0-or-later */
/* library: see library.h. An import copies what may be hundreds of megabytes and runs in a thread; the window stays, is
 * grey and cannot be closed meanwhile. */
#include "library.h"

#include <glib/gi18n-lib.h>
#include <libgimp/gimpui.h>

#include "core/diffusion.h"
#include "banner.h"
#include "dialog.h"
#include "plugin/find_model.h"
#include "plugin/library.h"

#define PICTURE 96

enum { RESPONSE_IMPORT = 1, RESPONSE_DELETE, RESPONSE_FOLDER };

typedef struct library
{
  GtkWidget *window, *list, *card;
  banner     banner;
  GPtrArray *folders;      /* in the order of the list */
  GMainLoop *loop;         /* of an import             */
} library;

/* ------------------------------------------------------------------ the list */

static void
add_line (GString *text, const char *label, const char *value)
{
  if (value[0] == '\0')
    return;
  if (label[0] != '\0')
    g_string_append_printf (text, _("%s: %s"), label, value);
  else
    g_string_append (text, value);
  g_string_append_c (text, '\n');
}

/* What a card says, and what the network is; g_free. */
static char *
card_of (const df_model_info *info)
{
  GString *text = g_string_new (NULL);
  char    *size = g_strdup_printf (info->any_size ? _("any size; %d × %d by default") : "%d × %d", info->native_width,
                                   info->native_height);
  char    *network = g_strdup_printf (_("%.1f million parameters, predicts %s"), (double) info->parameters / 1e6,
                                      df_prediction_word (info->prediction));

  add_line (text, "", info->description);
  add_line (text, _("Licence"), info->licence);
  add_line (text, _("Attribution"), info->attribution);
  add_line (text, _("Pictures made with it"), info->terms);
  add_line (text, _("Makes"), info->channels == 1 ? _("grey pictures") : info->channels == 4 ? _("pictures with alpha")
                                                                                             : _("colour pictures"));
  add_line (text, _("Size"), size);
  if (info->tileable)
    add_line (text, _("Seamless"), _("yes"));
  if (info->num_classes > 0)
    {
      char *names = g_strjoinv (", ", (char **) info->class_names);

      add_line (text, _("Classes"), names);
      g_free (names);
    }
  add_line (text, _("Network"), network);
  add_line (text, _("Trained"), info->training_time);
  add_line (text, _("By"), info->training_command);
  add_line (text, _("Folder"), info->path);
  g_free (network);
  g_free (size);
  return g_string_free (text, FALSE);
}

static GtkWidget *
row_of (const char *folder)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12), *label = gtk_label_new (NULL), *picture;
  char      *thumbnail = g_build_filename (folder, "thumbnail.png", NULL), *name = g_path_get_basename (folder), *text;
  GdkPixbuf *pixbuf    = gdk_pixbuf_new_from_file_at_scale (thumbnail, PICTURE, PICTURE, TRUE, NULL);
  df_model  *model;
  gboolean   good = df_model_open (&model, folder, NULL) == DF_OK;

  picture = pixbuf != NULL ? gtk_image_new_from_pixbuf (pixbuf)
                           : gtk_image_new_from_icon_name ("image-missing", GTK_ICON_SIZE_DIALOG);
  text = g_markup_printf_escaped ("<b>%s</b>\n%s%s", good ? df_model_describe (model)->title : name, name,
                                  good ? "" : _(" (cannot be used)"));
  gtk_label_set_markup (GTK_LABEL (label), text);
  atk_object_set_name (gtk_widget_get_accessible (picture), gtk_label_get_text (GTK_LABEL (label)));
  gtk_label_set_xalign (GTK_LABEL (label), 0.0);
  gtk_widget_set_size_request (picture, PICTURE, PICTURE);
  gtk_container_set_border_width (GTK_CONTAINER (box), 6);
  gtk_box_pack_start (GTK_BOX (box), picture, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), label, TRUE, TRUE, 0);
  gtk_widget_show_all (box);
  if (good)
    df_model_close (model);
  g_clear_object (&pixbuf);
  g_free (text);
  g_free (name);
  g_free (thumbnail);
  return box;
}

static const char *
chosen (const library *l)
{
  GtkListBoxRow *row = gtk_list_box_get_selected_row (GTK_LIST_BOX (l->list));

  return row != NULL ? l->folders->pdata[gtk_list_box_row_get_index (row)] : NULL;
}

static void
show_card (library *l)
{
  const char *folder = chosen (l);
  df_model   *model;
  df_error    err;
  char       *text;

  gtk_dialog_set_response_sensitive (GTK_DIALOG (l->window), RESPONSE_DELETE, folder != NULL && library_is_own (folder));
  if (folder == NULL)
    text = g_strdup (_("No model is installed: import a folder in diffusers' format (UNet2DModel, DDPM or DDIM)."));
  else if (df_model_open (&model, folder, &err) != DF_OK)
    text = g_strdup_printf (_("This model cannot be used: %s"), err.text);
  else
    {
      text = card_of (df_model_describe (model));
      df_model_close (model);
    }
  gtk_label_set_text (GTK_LABEL (l->card), text);
  g_free (text);
}

static void
fill (library *l)
{
  GList *rows = gtk_container_get_children (GTK_CONTAINER (l->list));

  g_list_free_full (rows, (GDestroyNotify) gtk_widget_destroy);
  g_clear_pointer (&l->folders, g_ptr_array_unref);
  l->folders = find_models ();
  for (guint i = 0; i < l->folders->len; i++)
    gtk_list_box_insert (GTK_LIST_BOX (l->list), row_of (l->folders->pdata[i]), -1);
  gtk_list_box_select_row (GTK_LIST_BOX (l->list), gtk_list_box_get_row_at_index (GTK_LIST_BOX (l->list), 0));
  show_card (l);
}

/* ------------------------------------------------------------------ what the buttons do */

/* error: NULL hides the banner; freed. */
static void
tell (library *l, GError *error)
{
  banner_tell (&l->banner, error != NULL ? error->message : NULL);
  g_clear_error (&error);
}

static void
import_in_thread (GTask *task, gpointer source, gpointer folder, GCancellable *cancellable)
{
  GError *error = NULL;

  if (library_import (folder, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
imported (GObject *source, GAsyncResult *result, gpointer data)
{
  library *l     = data;
  GError  *error = NULL;

  g_task_propagate_boolean (G_TASK (result), &error);
  tell (l, error);
  g_main_loop_quit (l->loop);
}

static void
import_model (library *l)
{
  GtkWidget *files = gtk_file_chooser_dialog_new (_("Import a Model Folder"), GTK_WINDOW (l->window),
                                                  GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, _("_Cancel"), GTK_RESPONSE_CANCEL,
                                                  _("_Import"), GTK_RESPONSE_ACCEPT, NULL);
  char      *folder = gtk_dialog_run (GTK_DIALOG (files)) == GTK_RESPONSE_ACCEPT
                          ? gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (files)) : NULL;
  GTask     *task;

  gtk_widget_destroy (files);
  if (folder == NULL)
    return;
  task = g_task_new (NULL, NULL, imported, l);
  g_task_set_task_data (task, folder, g_free);
  gtk_widget_set_sensitive (l->window, FALSE);
  l->loop = g_main_loop_new (NULL, FALSE);
  g_task_run_in_thread (task, import_in_thread);
  g_main_loop_run (l->loop);
  g_main_loop_unref (l->loop);
  gtk_widget_set_sensitive (l->window, TRUE);
  g_object_unref (task);
  fill (l);
}

static void
delete_model (library *l)
{
  const char *folder = chosen (l);
  GtkWidget  *question;
  GError     *error = NULL;

  question = gtk_message_dialog_new (GTK_WINDOW (l->window), GTK_DIALOG_MODAL, GTK_MESSAGE_QUESTION, GTK_BUTTONS_NONE,
                                     _("Delete the model in %s? This cannot be undone."), folder);
  gtk_window_set_title (GTK_WINDOW (question), _("Delete Model"));
  gtk_dialog_add_buttons (GTK_DIALOG (question), _("_Cancel"), GTK_RESPONSE_CANCEL, _("_Delete"), GTK_RESPONSE_ACCEPT, NULL);
  if (gtk_dialog_run (GTK_DIALOG (question)) == GTK_RESPONSE_ACCEPT)
    {
      library_delete (folder, &error);
      tell (l, error);
      fill (l);
    }
  gtk_widget_destroy (question);
}

static void
open_folder (library *l)
{
  char   *own = find_user_models (), *uri;
  GError *error = NULL;

  g_mkdir_with_parents (own, 0755);
  uri = g_filename_to_uri (own, NULL, NULL);
  gtk_show_uri_on_window (GTK_WINDOW (l->window), uri, GDK_CURRENT_TIME, &error);
  tell (l, error);
  g_free (uri);
  g_free (own);
}

/* ------------------------------------------------------------------ the window */

static GtkWidget *
scrolled (GtkWidget *widget, int width)
{
  GtkWidget *window = gtk_scrolled_window_new (NULL, NULL);

  gtk_scrolled_window_set_shadow_type (GTK_SCROLLED_WINDOW (window), GTK_SHADOW_IN);
  gtk_widget_set_size_request (window, width, 380);
  gtk_container_add (GTK_CONTAINER (window), widget);
  return window;
}

static void
build (library *l)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12), *area;

  l->window = gimp_dialog_new (_("Model Library"), "gimp-diffusion-library", NULL, 0, gimp_standard_help_func,
                               "plug-in-diffusion-models", _("_Import…"),
                               RESPONSE_IMPORT, _("_Delete…"), RESPONSE_DELETE, _("Open _Folder"), RESPONSE_FOLDER,
                               _("_Close"), GTK_RESPONSE_CLOSE, NULL);
  l->list   = gtk_list_box_new ();
  l->card   = gtk_label_new (NULL);
  l->banner = banner_new ();
  gtk_label_set_line_wrap (GTK_LABEL (l->card), TRUE);
  gtk_label_set_selectable (GTK_LABEL (l->card), TRUE);
  gtk_label_set_xalign (GTK_LABEL (l->card), 0.0);
  gtk_label_set_yalign (GTK_LABEL (l->card), 0.0);
  gtk_widget_set_margin_start (l->card, 12);
  gtk_widget_set_margin_end (l->card, 12);
  gtk_widget_set_margin_top (l->card, 12);
  atk_object_set_name (gtk_widget_get_accessible (l->list), _("Installed models"));
  gtk_container_set_border_width (GTK_CONTAINER (box), 12);
  gtk_box_pack_start (GTK_BOX (box), scrolled (l->list, 320), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), scrolled (l->card, 420), TRUE, TRUE, 0);
  area = gtk_dialog_get_content_area (GTK_DIALOG (l->window));
  gtk_box_pack_start (GTK_BOX (area), l->banner.bar, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (area), box, TRUE, TRUE, 0);
  /* closing the window must not destroy it: it answers */
  g_signal_connect (l->window, "delete-event", G_CALLBACK (gtk_true), NULL);
  g_signal_connect_swapped (l->list, "row-selected", G_CALLBACK (show_card), l);
}

void
library_run (void)
{
  library l = { 0 };
  int     response;

  dialog_prepare ();
  build (&l);
  fill (&l);
  gtk_widget_show_all (l.window);
  while ((response = gtk_dialog_run (GTK_DIALOG (l.window))) > 0)
    {
      if (response == RESPONSE_IMPORT)
        import_model (&l);
      else if (response == RESPONSE_DELETE)
        delete_model (&l);
      else
        open_folder (&l);
    }
  gtk_widget_destroy (l.window);
  g_ptr_array_unref (l.folders);
}
