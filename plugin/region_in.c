/* SPDX-License-Identifier: GPL-3.0-or-later */
/* region_in: see region_in.h. Channels of the model: 1 is luminance (Rec. 709, in linear light), 3 is colour, 4 is
 * colour times alpha, and alpha. */
#include "region_in.h"

#include <math.h>

static float
encode (float linear)
{
  float v = CLAMP (linear, 0.0f, 1.0f);

  return v <= 0.0031308f ? 12.92f * v : 1.055f * powf (v, 1.0f / 2.4f) - 0.055f;
}

static float
decode (float curved)
{
  float v = CLAMP (curved, 0.0f, 1.0f);

  return v <= 0.04045f ? v / 12.92f : powf ((v + 0.055f) / 1.055f, 2.4f);
}

static float
luminance (const float *rgb)
{
  return 0.2126f * CLAMP (rgb[0], 0.0f, 1.0f) + 0.7152f * CLAMP (rgb[1], 0.0f, 1.0f) +
         0.0722f * CLAMP (rgb[2], 0.0f, 1.0f);
}

/* One pixel as the network sees it. */
static void
to_network (const float *rgba, int channels, float *out)
{
  float alpha = CLAMP (rgba[3], 0.0f, 1.0f);

  if (channels == 1)
    out[0] = 2.0f * encode (luminance (rgba)) - 1.0f;
  for (int c = 0; channels >= 3 && c < 3; c++)
    out[c] = 2.0f * encode (rgba[c]) * (channels == 4 ? alpha : 1.0f) - 1.0f;
  if (channels == 4)
    out[3] = 2.0f * alpha - 1.0f;
}

region
region_read (GimpDrawable *drawable, const df_rect *canvas, int channels)
{
  region      r = { .canvas = *canvas, .channels = channels };
  int         width = gimp_drawable_get_width (drawable), height = gimp_drawable_get_height (drawable);
  GeglBuffer *buffer = gimp_drawable_get_buffer (drawable);
  const Babl *own;
  gsize       n;
  float      *window;

  r.window = (df_rect) { canvas->x, canvas->y, MIN (canvas->width, width - canvas->x),
                         MIN (canvas->height, height - canvas->y) };
  r.native = gegl_buffer_get_format (buffer);
  n        = (gsize) r.window.width * r.window.height;
  own      = babl_format_with_space ("RGBA float", r.native);
  r.linear = g_new (float, 4 * n);
  gegl_buffer_get (buffer, GEGL_RECTANGLE (r.window.x, r.window.y, r.window.width, r.window.height), 1.0, own, r.linear,
                   GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  g_object_unref (buffer);
  babl_process (babl_fish (own, babl_format ("RGBA float")), r.linear, r.linear, (glong) n);
  window = g_new (float, n * channels);
  for (gsize i = 0; i < n; i++)
    to_network (r.linear + 4 * i, channels, window + i * channels);
  r.x0 = g_new (float, (gsize) canvas->width * canvas->height * channels);
  df_canvas_fill (window, r.window.width, r.window.height, channels, canvas->width, canvas->height, r.x0);
  g_free (window);
  return r;
}

float *
region_sample (GimpDrawable *drawable, const df_rect *rect, int k, int channels)
{
  GeglBuffer *buffer = gimp_drawable_get_buffer (drawable);
  const Babl *own    = babl_format_with_space ("RGBA float", gegl_buffer_get_format (buffer));
  const Babl *fish   = babl_fish (own, babl_format ("RGBA float"));
  int         width = (rect->width + k - 1) / k, height = (rect->height + k - 1) / k;
  float      *row = g_new (float, 4 * (gsize) rect->width), *out = g_new (float, (gsize) width * height * channels);

  for (int y = 0; y < height; y++)
    {
      gegl_buffer_get (buffer, GEGL_RECTANGLE (rect->x, rect->y + y * k, rect->width, 1), 1.0, own, row,
                       GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      babl_process (fish, row, row, rect->width);
      for (int x = 0; x < width; x++)
        to_network (row + 4 * (gsize) x * k, channels, out + ((gsize) y * width + x) * channels);
    }
  g_object_unref (buffer);
  g_free (row);
  return out;
}

void
region_clear (region *r)
{
  g_clear_pointer (&r->linear, g_free);
  g_clear_pointer (&r->x0, g_free);
}

/* Original + (result - what the network saw of the original), in linear light. */
static void
from_network (const float *rgba, int channels, const float *x, float *out)
{
  float alpha = channels == 4 ? CLAMP (x[3] / 2.0f + 0.5f, 0.0f, 1.0f) : rgba[3];

  out[3] = alpha;
  for (int c = 0; c < 3; c++)
    {
      float value = x[channels == 1 ? 0 : c] / 2.0f + 0.5f;
      float seen  = channels == 1 ? luminance (rgba) : CLAMP (rgba[c], 0.0f, 1.0f);

      if (channels == 4)
        value = alpha > 0.0f ? value / alpha : 0.0f;
      out[c] = rgba[c] + (decode (value) - seen);
    }
}

float *
region_result (const region *r, const float *result)
{
  float *out = g_new (float, 4 * (gsize) r->window.width * r->window.height);

  for (int y = 0; y < r->window.height; y++)
    for (int x = 0; x < r->window.width; x++)
      {
        gsize at = (gsize) y * r->window.width + x;

        from_network (r->linear + 4 * at, r->channels,
                      result + ((gsize) y * r->canvas.width + x) * r->channels, out + 4 * at);
      }
  return out;
}

void
region_to_rgba (const float *x, gsize pixels, int channels, float *out)
{
  for (gsize i = 0; i < pixels; i++, x += channels, out += 4)
    {
      float alpha = channels == 4 ? CLAMP (x[3] / 2.0f + 0.5f, 0.0f, 1.0f) : 1.0f;

      for (int c = 0; c < 3; c++)
        {
          float value = x[channels == 1 ? 0 : c] / 2.0f + 0.5f;

          if (channels == 4)
            value = alpha > 0.0f ? value / alpha : 0.0f;
          out[c] = CLAMP (value, 0.0f, 1.0f);
        }
      out[3] = alpha;
    }
}
