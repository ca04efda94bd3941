/* SPDX-License-Identifier: GPL-3.0-or-later */
/* png: 8 and 16 bit PNG through libpng, samples as they are in the file; palettes and low depths are widened. */
#include "cli.h"

#include <png.h>
#include <stdio.h>
#include <string.h>

/* Our callers say what is wrong, in one line. */
static void
on_error (png_structp png, png_const_charp text)
{
  png_longjmp (png, 1);
}

static void
on_warning (png_structp png, png_const_charp text)
{
}

/* false: more than memory holds, or we want. */
static gboolean
read_rows (png_structp png, png_infop info, cli_png *out, png_bytep *rows)
{
  gsize n;

  png_set_expand (png);
  png_set_interlace_handling (png);
  png_read_update_info (png, info);
  out->width    = (int) png_get_image_width (png, info);
  out->height   = (int) png_get_image_height (png, info);
  out->channels = png_get_channels (png, info);
  out->depth    = png_get_bit_depth (png, info);
  if ((gsize) out->width * out->height > (1u << 28))
    return FALSE;
  n            = (gsize) out->width * out->height * out->channels;
  *rows        = g_try_malloc ((gsize) out->height * png_get_rowbytes (png, info));
  out->samples = g_try_new (guint16, n);
  if (*rows == NULL || out->samples == NULL)
    return FALSE;
  for (int pass = 0, passes = png_set_interlace_handling (png); pass < passes; pass++)
    for (int y = 0; y < out->height; y++)
      png_read_row (png, *rows + (gsize) y * png_get_rowbytes (png, info), NULL);
  for (gsize i = 0; i < n; i++)
    out->samples[i] = out->depth == 16 ? (guint16) ((*rows)[2 * i] << 8 | (*rows)[2 * i + 1]) : (*rows)[i];
  return TRUE;
}

gboolean
cli_png_load (cli_png *out, const char *path)
{
  FILE              *file = fopen (path, "rb");
  png_structp        png;
  png_infop          info;
  png_bytep         *rows;
  volatile gboolean  fine = FALSE;

  *out = (cli_png) { 0 };
  if (file == NULL)
    return cli_fail ("Cannot open %s.", path) == 0;
  rows = g_new0 (png_bytep, 1);     /* not on the stack: it outlives the jump */
  png  = png_create_read_struct (PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
  info = png != NULL ? png_create_info_struct (png) : NULL;
  if (info != NULL && !setjmp (png_jmpbuf (png)))
    {
      png_init_io (png, file);
      png_read_info (png, info);
      fine = read_rows (png, info, out, rows);
    }
  png_destroy_read_struct (&png, &info, NULL);
  g_free (*rows);
  g_free (rows);
  fclose (file);
  if (!fine)
    {
      g_clear_pointer (&out->samples, g_free);
      cli_fail ("%s is not a PNG that can be read.", path);
    }
  return fine;
}

static void
write_rows (png_structp png, png_infop info, const cli_png *p)
{
  static const int types[] = { PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                               PNG_COLOR_TYPE_RGB_ALPHA };
  gsize     samples = (gsize) p->width * p->channels;
  png_bytep row     = g_malloc (2 * samples);

  png_set_IHDR (png, info, (png_uint_32) p->width, (png_uint_32) p->height, p->depth, types[p->channels - 1],
                PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info (png, info);
  for (int y = 0; y < p->height; y++)
    {
      for (gsize i = 0; i < samples; i++)
        {
          guint16 v = p->samples[(gsize) y * samples + i];

          if (p->depth == 16)
            {
              row[2 * i]     = (png_byte) (v >> 8);
              row[2 * i + 1] = (png_byte) v;
            }
          else
            row[i] = (png_byte) v;
        }
      png_write_row (png, row);
    }
  png_write_end (png, info);
  g_free (row);
}

static void
append (png_structp png, png_bytep bytes, size_t size)
{
  g_byte_array_append (png_get_io_ptr (png), bytes, (guint) size);
}

static void
no_flush (png_structp png)
{
}

/* By way of memory: a file that cannot be written whole does not replace an older one. */
gboolean
cli_png_save (const cli_png *p, const char *path)
{
  GByteArray       *bytes = g_byte_array_new ();
  GError           *error = NULL;
  png_structp       png   = png_create_write_struct (PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
  png_infop         info  = png != NULL ? png_create_info_struct (png) : NULL;
  volatile gboolean fine  = FALSE;

  if (info != NULL && !setjmp (png_jmpbuf (png)))
    {
      png_set_write_fn (png, bytes, append, no_flush);
      write_rows (png, info, p);
      fine = TRUE;
    }
  png_destroy_write_struct (&png, &info);
  if (!fine)
    cli_fail ("%d × %d cannot be written as PNG.", p->width, p->height);
  else if (!g_file_set_contents (path, (const char *) bytes->data, (gssize) bytes->len, &error))
    {
      fine = cli_fail ("%s", error->message) == 0;
      g_error_free (error);
    }
  g_byte_array_unref (bytes);
  return fine;
}
