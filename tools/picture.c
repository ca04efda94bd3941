/* SPDX-License-Identifier: GPL-3.0-or-later */
/* picture: files as pictures in the network's range (DESIGN §6): PNG v/127.5 - 1 or v/32767.5 - 1, arrays as they
 * are. Alpha of a PNG: premultiplied for an RGBA model; otherwise the network does not see it and it is
 * written back untouched. */
#include "cli.h"

#include <math.h>
#include <string.h>

static double
full (int depth)
{
  return depth == 16 ? 65535.0 : 255.0;
}

static gboolean
is_npy (const char *path)
{
  return g_str_has_suffix (path, ".npy");
}

/* ------------------------------------------------------------------ loading */

/* Channel c of a model for one PNG pixel, 0 … 1. */
static double
channel_of (const guint16 *pixel, int have, int want, int c, double top)
{
  gboolean colour = have >= 3;
  double   value  = pixel[colour ? MIN (c, 2) : 0] / top, alpha = have % 2 == 0 ? pixel[have - 1] / top : 1.0;

  if (want == 4)
    return c == 3 ? alpha : value * alpha;
  return value;
}

static float
network_value (const guint16 *pixel, int have, int want, int c, double top)
{
  return (float) (2.0 * channel_of (pixel, have, want, c, top) - 1.0);
}

static gboolean
from_png (cli_picture *out, const cli_png *png, const char *path, int channels)
{
  double top   = full (png->depth);
  gsize  n     = (gsize) png->width * png->height;
  int    have  = png->channels;

  if (channels == 1 && have >= 3)
    return cli_fail ("The model is grey, %s is in colour: convert it to grey first.", path) == 0;
  *out = (cli_picture) { 1, png->width, png->height, channels, g_new (float, n * channels), NULL, png->depth, NULL };
  if (have == 4 && channels == 4)
    out->straight = g_memdup2 (png->samples, n * 4 * sizeof (guint16));
  if (have % 2 == 0 && channels != 4)
    out->alpha = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    {
      const guint16 *pixel = png->samples + i * have;

      for (int c = 0; c < channels; c++)
        out->data[i * channels + c] = network_value (pixel, have, channels, c, top);
      if (out->alpha != NULL)
        out->alpha[i] = (float) (pixel[have - 1] / top);
    }
  return TRUE;
}

gboolean
cli_picture_load (cli_picture *out, const char *path, int channels)
{
  cli_png  png;
  gboolean fine;

  if (is_npy (path))
    {
      if (!cli_npy_load (out, path))
        return FALSE;
      if (out->channels == channels)
        return TRUE;
      cli_fail ("%s has %d channels, the model %d.", path, out->channels, channels);
      cli_picture_clear (out);
      return FALSE;
    }
  if (!cli_png_load (&png, path))
    return FALSE;
  fine = from_png (out, &png, path, channels);
  g_free (png.samples);
  return fine;
}

float *
cli_mask_load (const char *path, int width, int height)
{
  cli_png png;
  float  *mask;

  if (!cli_png_load (&png, path))
    return NULL;
  if (png.width != width || png.height != height || png.channels > 2)
    {
      cli_fail ("%s must be a grey PNG of %d × %d; it has %d channel%s and is %d × %d.", path, width, height,
                png.channels, png.channels == 1 ? "" : "s", png.width, png.height);
      g_free (png.samples);
      return NULL;
    }
  mask = g_new (float, (gsize) width * height);
  for (gsize i = 0; i < (gsize) width * height; i++)
    mask[i] = (float) (png.samples[i * png.channels] / full (png.depth));
  g_free (png.samples);
  return mask;
}

/* ------------------------------------------------------------------ saving */

/* Round half to even, as numpy and torch do. */
static guint16
quantize (double value, double top)
{
  return (guint16) nearbyint (top * CLAMP (value, 0.0, 1.0));
}

/* Whether an RGBA pixel is still the one that was loaded. */
static gboolean
is_unchanged (const float *x, const guint16 *pixel, double top)
{
  for (int c = 0; c < 4; c++)
    if (x[c] != network_value (pixel, 4, 4, c, top))
      return FALSE;
  return TRUE;
}

static gboolean
to_png (const cli_picture *p, int index, const char *path)
{
  gsize    n    = (gsize) p->width * p->height;
  int      c    = p->channels;
  cli_png  png  = { p->width, p->height, p->alpha != NULL ? c + 1 : c, p->depth == 16 ? 16 : 8, NULL };
  double   top  = full (png.depth);
  gboolean fine;

  png.samples = g_new (guint16, n * png.channels);
  for (gsize i = 0; i < n; i++)
    {
      const float *x     = p->data + ((gsize) index * n + i) * c;
      double       alpha = c == 4 ? CLAMP (x[3] / 2.0 + 0.5, 0.0, 1.0) : 1.0;
      gboolean     keep  = p->straight != NULL && is_unchanged (x, p->straight + i * 4, top);

      for (int k = 0; k < c; k++)
        {
          double value = x[k] / 2.0 + 0.5;

          if (c == 4 && k < 3)
            value = alpha > 0.0 ? value / alpha : 0.0;
          png.samples[i * png.channels + k] =
            keep ? p->straight[i * 4 + k] : quantize (value, top);
        }
      if (p->alpha != NULL)
        png.samples[i * png.channels + c] = quantize (p->alpha[i], top);
    }
  fine = cli_png_save (&png, path);
  g_free (png.samples);
  return fine;
}

gboolean
cli_picture_save (const cli_picture *p, const char *path)
{
  gsize    stem = strlen (path) - 4;
  gboolean fine = TRUE;

  if (is_npy (path))
    return cli_npy_save (p, path);
  for (int i = 0; fine && i < p->count; i++)
    {
      char *name = p->count == 1 ? g_strdup (path) : g_strdup_printf ("%.*s-%04d.png", (int) stem, path, i + 1);

      fine = to_png (p, i, name);
      g_free (name);
    }
  return fine;
}

void
cli_picture_clear (cli_picture *picture)
{
  g_clear_pointer (&picture->data, g_free);
  g_clear_pointer (&picture->alpha, g_free);
  g_clear_pointer (&picture->straight, g_free);
}
