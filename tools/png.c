/* SPDX-License-Identifier: GPL-3.0-or-later */
/* png: 8 and 16 bit PNG through libpng, samples as they are in the file; palettes and low depths are widened. */
#include "cli.h"

#include <png.h>
#include <stdio.h>
#include <string.h>

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
  *rows = g_malloc ((gsize) out->height * png_get_rowbytes (png, info));
  for (int pass = 0, passes = png_set_interlace_handling (png); pass < passes; pass++)
    for (int y = 0; y < out->height; y++)
      png_read_row (png, *rows + (gsize) y * png_get_rowbytes (png, info), NULL);
  n = (gsize) out->width * out->height * out->channels;
  out->samples = g_new (guint16, n);
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
  png_bytep volatile rows = NULL;
  volatile gboolean  fine = FALSE;

  *out = (cli_png) { 0 };
  if (file == NULL)
    return cli_fail ("Cannot open %s.", path) == 0;
  png  = png_create_read_struct (PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  info = png != NULL ? png_create_info_struct (png) : NULL;
  if (info != NULL && !setjmp (png_jmpbuf (png)))
    {
      png_bytep taken = NULL;

      png_init_io (png, file);
      png_read_info (png, info);
      fine = read_rows (png, info, out, &taken);
      rows = taken;
    }
  png_destroy_read_struct (&png, &info, NULL);
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

gboolean
cli_png_save (const cli_png *p, const char *path)
{
  FILE             *file = fopen (path, "wb");
  png_structp       png;
  png_infop         info;
  volatile gboolean fine = FALSE;

  if (file == NULL)
    return cli_fail ("Cannot write %s.", path) == 0;
  png  = png_create_write_struct (PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  info = png != NULL ? png_create_info_struct (png) : NULL;
  if (info != NULL && !setjmp (png_jmpbuf (png)))
    {
      png_init_io (png, file);
      write_rows (png, info, p);
      fine = TRUE;
    }
  png_destroy_write_struct (&png, &info);
  fine = fclose (file) == 0 && fine;
  if (!fine)
    cli_fail ("Cannot write %s: is there space left?", path);
  return fine;
}
