/* SPDX-License-Identifier: GPL-3.0-or-later */
/* train_folder: see train_folder.h. */
#include "train_folder.h"

#include <glib/gi18n-lib.h>
#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "find_model.h"

#define WORK ".training-"    /* and the process id */

static void
remove_dead (const char *models)
{
  GDir       *dir = g_dir_open (models, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      gint64 process = g_str_has_prefix (name, WORK) ? g_ascii_strtoll (name + strlen (WORK), NULL, 10) : 0;

      if (process > 0 && kill ((pid_t) process, 0) != 0 && errno == ESRCH)
        {
          char *path = g_build_filename (models, name, NULL);

          remove_tree (path);
          g_free (path);
        }
    }
  if (dir != NULL)
    g_dir_close (dir);
}

static gboolean
is_taken (const char *name)
{
  char    *models = find_user_models (), *own = g_build_filename (models, name, NULL);
  char    *found  = find_model_path (name, NULL);
  gboolean taken  = found != NULL || g_file_test (own, G_FILE_TEST_EXISTS);

  g_free (found);
  g_free (own);
  g_free (models);
  return taken;
}

char *
train_folder_name (const char *text)
{
  char    *clean = g_utf8_make_valid (text, -1), *name;
  GString *start = g_string_new (NULL);

  for (const char *at = clean; *at != '\0' && start->len < 80; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      if (c == '/' || !g_unichar_isprint (c))
        g_string_append_c (start, '-');
      else if (start->len > 0 || (c != '.' && c != ' '))
        g_string_append_unichar (start, c);
    }
  name = g_strdup (start->len > 0 ? start->str : "model");
  for (int i = 2; is_taken (name); i++)
    {
      g_free (name);
      name = g_strdup_printf ("%s-%d", start->len > 0 ? start->str : "model", i);
    }
  g_string_free (start, TRUE);
  g_free (clean);
  return name;
}

/* What a stopped run goes on from. */
static char *
checkpoint_of (const char *name)
{
  char *models = find_user_models (), *path = g_build_filename (models, name, "checkpoint.safetensors", NULL);

  g_free (models);
  return path;
}

gboolean
train_folder_check (const char *name, gboolean resume, GError **error)
{
  char    *checkpoint = checkpoint_of (name);
  gboolean stopped    = g_file_test (checkpoint, G_FILE_TEST_IS_REGULAR);

  g_free (checkpoint);
  if (name[0] == '\0' || name[0] == '.' || strchr (name, '/') != NULL || strlen (name) > 200)
    return refuse (error, _("name must be that of a new folder: not empty, no slash, no dot at its start; it is \"%s\"."), name);
  if (!resume && is_taken (name))
    return refuse (error, _("There is a model \"%s\" already: choose another name, or resume if its training was stopped."),
                   name);
  if (resume && !stopped)
    return refuse (error, _("There is no training of \"%s\" to go on with. A model that has learned to its end can be the base "
                   "of a new one."), name);
  return TRUE;
}

gboolean
train_folder_open (train_folder *f, const char *name, GError **error)
{
  char    *models = find_user_models ();
  char    *work   = g_strdup_printf (WORK "%ld", (long) getpid ());
  gboolean fine   = TRUE;

  f->target     = g_build_filename (models, name, NULL);
  f->work       = g_build_filename (models, work, NULL);
  f->checkpoint = checkpoint_of (name);
  remove_dead (models);
  remove_tree (f->work);
  if (g_mkdir_with_parents (f->work, 0755) != 0)
    fine = refuse (error, _("Cannot make the folder %s: %s."), f->work, g_strerror (errno));
  g_free (work);
  g_free (models);
  return fine;
}

gboolean
train_folder_publish (train_folder *f, char **name, GError **error)
{
  while (g_rename (f->work, f->target) != 0)
    {
      char *models, *other;

      if (errno != EEXIST && errno != ENOTEMPTY)
        return refuse (error, _("Cannot make the folder %s: %s."), f->target, g_strerror (errno));
      models = find_user_models ();
      other  = train_folder_name (*name);
      g_free (*name);
      g_free (f->target);
      *name     = other;
      f->target = g_build_filename (models, other, NULL);
      g_free (models);
    }
  return TRUE;
}

void
train_folder_close (train_folder *f)
{
  if (f->work != NULL)
    remove_tree (f->work);
  g_clear_pointer (&f->target, g_free);
  g_clear_pointer (&f->work, g_free);
  g_clear_pointer (&f->checkpoint, g_free);
}
