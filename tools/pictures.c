/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pictures: folders of pictures (class = subfolder) through gdk-pixbuf. What cannot be read is named and skipped. */
#include "cli.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <string.h>

#define MOST_PIXELS 100000000

static int
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static GPtrArray *
sorted_names (const char *folder)
{
  GPtrArray  *names = g_ptr_array_new_with_free_func (g_free);
  GDir       *dir   = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (name[0] != '.')
      g_ptr_array_add (names, g_strdup (name));
  if (dir != NULL)
    g_dir_close (dir);
  g_ptr_array_sort (names, by_name);
  return names;
}

/* Channel c of a model's picture for one pixel: a grey model takes the luma (BT.709) of a colour. */
static guint8
channel_of (const guint8 *pixel, int have, int channels, int c)
{
  if (channels == 1)
    return (guint8) ((2126 * pixel[0] + 7152 * pixel[1] + 722 * pixel[2] + 5000) / 10000);
  return c < have ? pixel[c] : 255;
}

/* Rows of a pixbuf (always RGB or RGBA) packed without gaps, alpha dropped unless asked for. */
static guint8 *
packed_pixels (const GdkPixbuf *pixbuf, int channels)
{
  int           width = gdk_pixbuf_get_width (pixbuf), height = gdk_pixbuf_get_height (pixbuf);
  int           have = gdk_pixbuf_get_n_channels (pixbuf), stride = gdk_pixbuf_get_rowstride (pixbuf);
  const guint8 *from = gdk_pixbuf_read_pixels (pixbuf);
  guint8       *out  = g_malloc ((gsize) width * height * channels);

  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      for (int c = 0; c < channels; c++)
        out[((gsize) y * width + x) * channels + c] =
          channel_of (from + (gsize) y * stride + (gsize) x * have, have, channels, c);
  return out;
}

/* Too small, or too large to be opened at all: told. */
static gboolean
fits (const char *path)
{
  int width = 0, height = 0;

  if (gdk_pixbuf_get_file_info (path, &width, &height) == NULL)
    return TRUE;     /* opening it says what is wrong */
  if (width < 16 || height < 16)
    g_printerr ("diffusion-cli: skipped %s: %d × %d is too small (16 × 16 at least)\n", path, width, height);
  else if ((gsize) width * height >= MOST_PIXELS)
    g_printerr ("diffusion-cli: skipped %s: %d × %d is 100 megapixels or more; reduce it first\n", path, width, height);
  else
    return TRUE;
  return FALSE;
}

static void
add_file (cli_data *set, const char *path, int label, int channels)
{
  GError    *error  = NULL;
  GdkPixbuf *pixbuf = fits (path) ? gdk_pixbuf_new_from_file (path, &error) : NULL;
  df_picture p      = { .channels = channels, .label = label };
  guint8    *pixels;

  if (error != NULL)
    {
      g_printerr ("diffusion-cli: skipped %s: %s\n", path, error->message);
      g_error_free (error);
    }
  if (pixbuf == NULL)
    return;
  p.width  = gdk_pixbuf_get_width (pixbuf);
  p.height = gdk_pixbuf_get_height (pixbuf);
  p.pixels = pixels = packed_pixels (pixbuf, channels);
  g_ptr_array_add (set->pixels, pixels);
  g_array_append_val (set->pictures, p);
  g_object_unref (pixbuf);
}

static void
add_folder (cli_data *set, const char *folder, int label, int channels)
{
  GPtrArray *names = sorted_names (folder);

  for (guint i = 0; i < names->len; i++)
    {
      char *path = g_build_filename (folder, names->pdata[i], NULL);

      if (g_file_test (path, G_FILE_TEST_IS_REGULAR) && !g_str_has_suffix (path, ".tsv") &&
          !g_str_has_suffix (path, ".txt"))
        add_file (set, path, label, channels);
      g_free (path);
    }
  g_ptr_array_unref (names);
}

cli_data
cli_data_read (const char *folder, int channels)
{
  cli_data   set   = { g_array_new (FALSE, FALSE, sizeof (df_picture)), g_ptr_array_new_with_free_func (g_free),
                       g_ptr_array_new_with_free_func (g_free) };
  GPtrArray *names = sorted_names (folder);

  for (guint i = 0; i < names->len; i++)
    {
      char *path = g_build_filename (folder, names->pdata[i], NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        {
          guint before = set.pictures->len;

          add_folder (&set, path, (int) set.classes->len, channels);
          if (set.pictures->len > before)
            g_ptr_array_add (set.classes, g_strdup (names->pdata[i]));
        }
      g_free (path);
    }
  if (set.classes->len == 0)
    add_folder (&set, folder, -1, channels);
  g_ptr_array_unref (names);
  return set;
}

void
cli_data_clear (cli_data *set)
{
  g_array_unref (set->pictures);
  g_ptr_array_unref (set->classes);
  g_ptr_array_unref (set->pixels);
}
