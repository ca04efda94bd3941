/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pattern_out: see pattern_out.h. Header: numbers of 32 bits, big end first: size of the header with the name,
 * version, width, height, bytes per pixel, "GPAT"; then the name with its zero, then the pixels. */
#include "pattern_out.h"

#include <string.h>

static gboolean
has_alpha (const float *rgba, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (rgba[4 * i + 3] < 1.0f)
      return TRUE;
  return FALSE;
}

static void
append_number (GByteArray *out, guint32 value)
{
  guint32 big = GUINT32_TO_BE (value);

  g_byte_array_append (out, (const guint8 *) &big, sizeof big);
}

static GByteArray *
pattern_bytes (const char *name, int width, int height, const float *rgba)
{
  GByteArray *out      = g_byte_array_new ();
  gsize       n        = (gsize) width * height;
  int         channels = has_alpha (rgba, n) ? 4 : 3;

  append_number (out, (guint32) (24 + strlen (name) + 1));
  append_number (out, 1);
  append_number (out, (guint32) width);
  append_number (out, (guint32) height);
  append_number (out, (guint32) channels);
  g_byte_array_append (out, (const guint8 *) "GPAT", 4);
  g_byte_array_append (out, (const guint8 *) name, (guint) strlen (name) + 1);
  for (gsize i = 0; i < n; i++)
    for (int c = 0; c < channels; c++)
      {
        guint8 byte = (guint8) (CLAMP (rgba[4 * i + c], 0.0f, 1.0f) * 255.0f + 0.5f);

        g_byte_array_append (out, &byte, 1);
      }
  return out;
}

/* A path that nothing has; g_free. */
static char *
free_path (const char *folder, const char *name)
{
  char *safe = g_strdelimit (g_strdup (name), "/\\", '-'), *path = g_strdup_printf ("%s/%s.pat", folder, safe);

  for (int i = 2; g_file_test (path, G_FILE_TEST_EXISTS); i++)
    {
      g_free (path);
      path = g_strdup_printf ("%s/%s-%d.pat", folder, safe, i);
    }
  g_free (safe);
  return path;
}

gboolean
pattern_save (const char *name, int width, int height, const float *rgba, GError **error)
{
  char       *folder = g_build_filename (gimp_directory (), "patterns", NULL), *path = free_path (folder, name);
  GByteArray *bytes  = pattern_bytes (name, width, height, rgba);
  gboolean    fine;

  g_mkdir_with_parents (folder, 0700);
  fine = g_file_set_contents (path, (const char *) bytes->data, bytes->len, error);
  g_byte_array_unref (bytes);
  g_free (path);
  g_free (folder);
  return fine;
}
