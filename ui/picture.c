/* SPDX-License-Identifier: GPL-3.0-or-later */
/* picture: see picture.h. */
#include "picture.h"

#define LARGEST 4     /* a small one is not shown larger than so many times */

static guchar
byte_of (float x)
{
  return (guchar) (CLAMP (x / 2.0f + 0.5f, 0.0f, 1.0f) * 255.0f + 0.5f);
}

static GdkPixbuf *
at_own_size (const float *x, int width, int height, int channels)
{
  GdkPixbuf *pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, width, height);
  guchar    *pixels = gdk_pixbuf_get_pixels (pixbuf);
  int        stride = gdk_pixbuf_get_rowstride (pixbuf);

  for (int y = 0; y < height; y++)
    for (int i = 0; i < width; i++, x += channels)
      for (int c = 0; c < 3; c++)
        pixels[y * stride + 3 * i + c] = byte_of (x[channels == 1 ? 0 : c]);
  return pixbuf;
}

double
picture_scale (int width, int height)
{
  return MIN ((double) LARGEST, (double) PICTURE_SIDE / MAX (width, height));
}

GdkPixbuf *
picture_pixbuf (const float *x, int width, int height, int channels)
{
  GdkPixbuf *own   = at_own_size (x, width, height, channels), *fit;
  double     scale = picture_scale (width, height);

  fit = gdk_pixbuf_scale_simple (own, MAX ((int) (width * scale), 1), MAX ((int) (height * scale), 1),
                                 GDK_INTERP_BILINEAR);
  g_object_unref (own);
  return fit;
}
