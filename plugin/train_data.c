/* SPDX-License-Identifier: GPL-3.0-or-later */
/* train_data: see train_data.h. A layer is read in bands, so that a large one needs no second copy in float. */
#include "train_data.h"

#include <string.h>

#include "region_in.h"
#include "selection.h"

#define BAND 64

static guint8
byte_of (float x)
{
  return (guint8) (CLAMP (x, 0.0f, 1.0f) * 255.0f + 0.5f);
}

/* Rows y … of the layer into pixels and keep, from the row's place on. */
static void
read_band (GimpDrawable *drawable, const df_rect *band, int channels, gboolean exclude, guint8 *pixels, guint8 *keep)
{
  gsize  n    = (gsize) band->width * band->height;
  region r    = region_read (drawable, band, channels);
  float *rgba = g_new (float, 4 * n), *selected = exclude ? selection_read (drawable, &(df_rect) { 0 }, band) : NULL;

  region_to_rgba (r.x0, n, channels, rgba);
  for (gsize i = 0; i < n; i++)
    {
      for (int c = 0; c < channels; c++)
        pixels[i * channels + c] = byte_of (rgba[4 * i + c]);
      keep[i] = (channels == 4 || r.linear[4 * i + 3] >= 0.5f) && (selected == NULL || selected[i] <= 0.0f);
    }
  g_free (selected);
  g_free (rgba);
  region_clear (&r);
}

static df_picture
picture_of (GimpDrawable *drawable, int channels, gboolean exclude)
{
  int      width = gimp_drawable_get_width (drawable), height = gimp_drawable_get_height (drawable);
  gsize    n      = (gsize) width * height;
  guint8  *pixels = g_malloc (n * channels), *keep = g_malloc (n);
  gboolean all;

  for (int y = 0; y < height; y += BAND)
    {
      df_rect band = { 0, y, width, MIN (BAND, height - y) };

      read_band (drawable, &band, channels, exclude, pixels + (gsize) y * width * channels, keep + (gsize) y * width);
    }
  all = memchr (keep, 0, n) == NULL;
  if (all)
    g_clear_pointer (&keep, g_free);
  return (df_picture) { .pixels = pixels, .width = width, .height = height, .channels = channels, .label = -1,
                        .keep = keep };
}

/* Side of the largest square in which all pixels are kept: each pixel ends one that is larger by one than the smallest of
 * those that end to its left, above, and between. */
static int
largest_square (const df_picture *p)
{
  int *ends = g_new0 (int, p->width), largest = 0;

  for (int y = 0; p->keep != NULL && y < p->height; y++)
    for (int x = 0, corner = 0; x < p->width; x++)
      {
        int above = ends[x], left = x > 0 ? ends[x - 1] : 0;

        ends[x] = p->keep[(gsize) y * p->width + x] ? 1 + MIN (MIN (left, above), x > 0 ? corner : 0) : 0;
        corner  = above;
        largest = MAX (largest, ends[x]);
      }
  g_free (ends);
  return p->keep != NULL ? largest : MIN (p->width, p->height);
}

sources
sources_read (GimpDrawable **drawables, int channels, gboolean exclude_selection)
{
  sources  s       = { .count = (gsize) gimp_core_object_array_get_length ((GObject **) drawables), .largest = G_MAXINT };
  gboolean exclude = exclude_selection && !gimp_selection_is_empty (gimp_item_get_image (GIMP_ITEM (drawables[0])));

  s.pictures = g_new (df_picture, s.count);
  for (gsize i = 0; i < s.count; i++)
    {
      s.pictures[i] = picture_of (drawables[i], channels, exclude);
      s.largest     = MIN (s.largest, largest_square (&s.pictures[i]));
    }
  return s;
}

void
sources_clear (sources *s)
{
  for (gsize i = 0; i < s->count; i++)
    {
      g_free ((void *) s->pictures[i].pixels);
      g_free ((void *) s->pictures[i].keep);
    }
  g_clear_pointer (&s->pictures, g_free);
  s->count = 0;
}
