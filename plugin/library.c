/* SPDX-License-Identifier: GPL-3.0-or-later */
/* library: see library.h. Only the files of a model are copied: a folder from the Hub may hold much else. */
#include "library.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "check.h"
#include "core/diffusion.h"
#include "find_model.h"

static const char *const parts[] = { "model_index.json", "config.json", "scheduler_config.json", "unet/config.json",
                                     "scheduler/scheduler_config.json", "card.json", "thumbnail.png", "texton.safetensors",
                                     "LICENSE", "README.md", "ATTRIBUTION.txt", NULL };

char **
library_names (void)
{
  GPtrArray *models = find_models (), *names = g_ptr_array_new ();

  for (guint i = 0; i < models->len; i++)
    g_ptr_array_add (names, g_path_get_basename (models->pdata[i]));
  g_ptr_array_add (names, NULL);
  g_ptr_array_unref (models);
  return (char **) g_ptr_array_free (names, FALSE);
}

gboolean
library_is_own (const char *path)
{
  char    *parent = g_path_get_dirname (path), *own = find_user_models ();
  gboolean is     = strcmp (parent, own) == 0;

  g_free (own);
  g_free (parent);
  return is;
}

/* ------------------------------------------------------------------ import */

static gboolean
copy_file (const char *from, const char *to, GError **error)
{
  char    *folder = g_path_get_dirname (to);
  GFile   *a = g_file_new_for_path (from), *b = g_file_new_for_path (to);
  gboolean fine;

  g_mkdir_with_parents (folder, 0755);
  fine = g_file_copy (a, b, G_FILE_COPY_OVERWRITE, NULL, NULL, NULL, error);
  g_object_unref (a);
  g_object_unref (b);
  g_free (folder);
  return fine;
}

/* weights: relative to the folder. */
static gboolean
copy_parts (const char *folder, const char *target, const char *weights, GError **error)
{
  gboolean fine = TRUE;

  for (int i = 0; fine && (i == 0 || parts[i - 1] != NULL); i++)
    {
      const char *part = parts[i] != NULL ? parts[i] : weights;
      char       *from = g_build_filename (folder, part, NULL), *to = g_build_filename (target, part, NULL);

      if (g_file_test (from, G_FILE_TEST_IS_REGULAR))
        fine = copy_file (from, to, error);
      g_free (from);
      g_free (to);
    }
  return fine;
}

/* Into a hidden folder beside the target, which then takes its name. */
static gboolean
copy_model (const char *folder, const char *name, const char *weights, GError **error)
{
  char    *own = find_user_models (), *hidden = g_strdup_printf ("%s/.importing-%s", own, name);
  char    *target = g_build_filename (own, name, NULL);
  gboolean fine;

  g_mkdir_with_parents (own, 0755);
  remove_tree (hidden);
  fine = copy_parts (folder, hidden, weights, error);
  if (fine && g_rename (hidden, target) != 0)
    fine = refuse (error, _("The model could not be put into %s: %s."), own, g_strerror (errno));
  if (!fine)
    remove_tree (hidden);
  g_free (target);
  g_free (hidden);
  g_free (own);
  return fine;
}

static gboolean
is_installed (const char *name)
{
  char   **names = library_names ();
  gboolean is    = g_strv_contains ((const char *const *) names, name);

  g_strfreev (names);
  return is;
}

gboolean
library_import (const char *folder, GError **error)
{
  char     *clean = g_canonicalize_filename (folder, NULL), *name = g_path_get_basename (clean);
  df_model *model = NULL;
  df_error  err;
  gboolean  fine = FALSE;

  if (is_installed (name))
    refuse (error, _("A model named \"%s\" is installed already: delete that one first, or rename the folder."), name);
  else if (df_model_open (&model, clean, &err) != DF_OK)
    refuse (error, _("This model cannot be used: %s"), err.text);
  else
    fine = copy_model (clean, name, df_model_describe (model)->weights_path + strlen (df_model_describe (model)->path) + 1,
                       error);
  df_model_close (model);
  g_free (name);
  g_free (clean);
  return fine;
}

gboolean
library_delete (const char *path, GError **error)
{
  if (!library_is_own (path))
    return refuse (error, _("Only models of your own folder can be deleted."));
  remove_tree (path);
  return !g_file_test (path, G_FILE_TEST_EXISTS) || refuse (error, _("The model could not be deleted from %s."), path);
}
