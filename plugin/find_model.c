/* SPDX-License-Identifier: GPL-3.0-or-later */
/* find_model: see find_model.h. A model folder is one with model_index.json or config.json in it; hidden ones are not
 * finished. */
#include "find_model.h"

#include <glib/gstdio.h>

#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#define DEFAULT_MODEL "materials-64"
#define TEST_MODEL    "tiny"              /* never the default while there is another */

static gboolean
is_model (const char *folder)
{
  char    *index = g_build_filename (folder, "model_index.json", NULL);
  char    *flat  = g_build_filename (folder, "config.json", NULL);
  gboolean is    = g_file_test (index, G_FILE_TEST_IS_REGULAR) || g_file_test (flat, G_FILE_TEST_IS_REGULAR);

  g_free (index);
  g_free (flat);
  return is;
}

static int
rank (const char *folder)
{
  char *name = g_path_get_basename (folder);
  int   r    = strcmp (name, DEFAULT_MODEL) == 0 ? 0 : strcmp (name, TEST_MODEL) == 0 ? 2 : 1;

  g_free (name);
  return r;
}

static int
by_rank_and_name (gconstpointer a, gconstpointer b)
{
  const char *x = *(const char *const *) a, *y = *(const char *const *) b;

  return rank (x) != rank (y) ? rank (x) - rank (y) : strcmp (x, y);
}

static gboolean
has_name (GPtrArray *models, const char *name)
{
  for (guint i = 0; i < models->len; i++)
    {
      char    *other = g_path_get_basename (models->pdata[i]);
      gboolean same  = strcmp (name, other) == 0;

      g_free (other);
      if (same)
        return TRUE;
    }
  return FALSE;
}

static void
look_in (GPtrArray *models, const char *folder)
{
  GDir       *dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      char *path = g_build_filename (folder, name, NULL);

      if (name[0] != '.' && is_model (path) && !has_name (models, name))
        g_ptr_array_add (models, g_steal_pointer (&path));
      g_free (path);
    }
  if (dir != NULL)
    g_dir_close (dir);
}

char *
find_own_folder (void)
{
  char *self   = g_file_read_link ("/proc/self/exe", NULL);
  char *folder = g_path_get_dirname (self != NULL ? self : ".");

  g_free (self);
  return folder;
}

char *
find_user_models (void)
{
  return g_build_filename (g_get_user_data_dir (), "gimp-diffusion", "models", NULL);
}

GPtrArray *
find_models (void)
{
  GPtrArray  *models = g_ptr_array_new_with_free_func (g_free);
  char       *own = find_own_folder (), *shipped = g_build_filename (own, "models", NULL);
  char       *user = find_user_models ();
  const char *more = g_getenv ("GIMP_DIFFUSION_MODELS");
  char      **parts = g_strsplit (more != NULL ? more : "", ":", -1);

  look_in (models, shipped);
  look_in (models, user);
  for (int i = 0; parts[i] != NULL; i++)
    if (parts[i][0] != '\0')
      look_in (models, parts[i]);
  g_ptr_array_sort (models, by_rank_and_name);
  g_strfreev (parts);
  g_free (user);
  g_free (shipped);
  g_free (own);
  return models;
}

static char *
names_of (GPtrArray *models)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < models->len; i++)
    {
      char *name = g_path_get_basename (models->pdata[i]);

      g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", name);
      g_free (name);
    }
  return g_string_free (text, FALSE);
}

char *
find_model_path (const char *name, GError **error)
{
  GPtrArray *models;
  char      *found = NULL, *names;

  if (strchr (name, '/') != NULL)
    return g_strdup (name);
  models = find_models ();
  for (guint i = 0; i < models->len && found == NULL; i++)
    {
      char *base = g_path_get_basename (models->pdata[i]);

      if (name[0] == '\0' || strcmp (base, name) == 0)
        found = g_strdup (models->pdata[i]);
      g_free (base);
    }
  if (found == NULL)
    {
      names = names_of (models);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   names[0] != '\0' ? _("There is no model \"%s\". Installed are: %s.")
                                    : _("There is no model \"%s\"%s. Import one with Filters ▸ Diffusion ▸ Model Library."),
                   name, names);
      g_free (names);
    }
  g_ptr_array_unref (models);
  return found;
}

void
remove_tree (const char *path)
{
  GDir       *dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      char *inner = g_build_filename (path, name, NULL);

      remove_tree (inner);
      g_free (inner);
    }
  if (dir != NULL)
    g_dir_close (dir);
  g_remove (path);
}
