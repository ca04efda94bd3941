/* SPDX-License-Identifier: GPL-3.0-or-later */
/* npy: numpy arrays, version 1.0, little-endian float32, C order, N×C×H×W (numpy.lib.format). */
#include "cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The value behind a key of the header's dictionary. */
static const char *
header_value (const char *header, const char *key)
{
  const char *at = strstr (header, key);

  at = at != NULL ? strchr (at, ':') : NULL;
  return at != NULL ? at + 1 + strspn (at + 1, " ") : NULL;
}

static gboolean
parse_header (cli_picture *out, const char *header)
{
  const char *descr = header_value (header, "'descr'"), *order = header_value (header, "'fortran_order'");
  const char *shape = header_value (header, "'shape'");

  return descr != NULL && g_str_has_prefix (descr, "'<f4'") && order != NULL && g_str_has_prefix (order, "False") &&
         shape != NULL && sscanf (shape, "(%d, %d, %d, %d)", &out->count, &out->channels, &out->height, &out->width) == 4;
}

static void
transpose (const float *from, float *to, int count, int rows, int columns)
{
  for (int n = 0; n < count; n++)
    for (int r = 0; r < rows; r++)
      for (int c = 0; c < columns; c++)
        to[((gsize) n * columns + c) * rows + r] = from[((gsize) n * rows + r) * columns + c];
}

static gboolean
take_data (cli_picture *out, const char *path, const guint8 *bytes, gsize size)
{
  gsize  n;
  float *flat;

  if (out->count < 1 || out->channels < 1 || out->height < 1 || out->width < 1 || out->count > 65536 ||
      out->channels > 64 || out->height > 65536 || out->width > 65536)
    return cli_fail ("%s has a shape that is not N×C×H×W.", path) == 0;
  n = (gsize) out->count * out->channels * out->height * out->width;
  if (size != n * sizeof (float))
    return cli_fail ("%s is damaged: its data do not fit its shape.", path) == 0;
  flat      = g_new (float, n);
  out->data = g_new (float, n);
  memcpy (flat, bytes, size);
  transpose (flat, out->data, out->count, out->channels, out->height * out->width);
  g_free (flat);
  for (gsize i = 0; i < n; i++)
    if (!isfinite (out->data[i]))
      return cli_fail ("%s holds values that are not finite.", path) == 0;
  return TRUE;
}

gboolean
cli_npy_load (cli_picture *out, const char *path)
{
  GError  *error = NULL;
  char    *bytes, *header;
  gsize    size, length;
  gboolean fine;

  *out = (cli_picture) { 0 };
  if (!g_file_get_contents (path, &bytes, &size, &error))
    {
      cli_fail ("%s", error->message);
      g_error_free (error);
      return FALSE;
    }
  length = size >= 10 ? (guint8) bytes[8] + 256u * (guint8) bytes[9] : 0;
  if (size < 10 || memcmp (bytes, "\x93NUMPY\x01", 7) != 0 || 10 + length > size)
    {
      g_free (bytes);
      return cli_fail ("%s is not a .npy file of version 1.0.", path) == 0;
    }
  header = g_strndup (bytes + 10, length);
  fine   = parse_header (out, header);
  if (!fine)
    cli_fail ("%s is not little-endian float32 with shape N×C×H×W in C order.", path);
  fine = fine && take_data (out, path, (const guint8 *) bytes + 10 + length, size - 10 - length);
  g_free (header);
  g_free (bytes);
  if (!fine)
    cli_picture_clear (out);
  return fine;
}

gboolean
cli_npy_save (const cli_picture *p, const char *path)
{
  char     *header = g_strdup_printf ("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, %d, %d), }", p->count,
                                      p->channels, p->height, p->width);
  gsize     length = (10 + strlen (header) + 1 + 63) / 64 * 64 - 10;
  gsize     n      = (gsize) p->count * p->channels * p->height * p->width, size = 10 + length + n * sizeof (float);
  guint8   *bytes  = g_malloc (size);
  GError   *error  = NULL;
  float    *flat   = g_new (float, n);
  gboolean  fine;

  memcpy (bytes, "\x93NUMPY\x01\x00", 8);
  bytes[8] = (guint8) length;
  bytes[9] = (guint8) (length >> 8);
  memset (bytes + 10, ' ', length);
  memcpy (bytes + 10, header, strlen (header));
  bytes[10 + length - 1] = '\n';
  transpose (p->data, flat, p->count, p->height * p->width, p->channels);
  memcpy (bytes + 10 + length, flat, n * sizeof (float));
  fine = g_file_set_contents (path, (const char *) bytes, (gssize) size, &error);
  if (!fine)
    {
      cli_fail ("%s", error->message);
      g_error_free (error);
    }
  g_free (flat);
  g_free (bytes);
  g_free (header);
  return fine;
}
