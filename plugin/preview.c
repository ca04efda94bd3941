/* SPDX-License-Identifier: GPL-3.0-or-later */
/* preview: see preview.h. */
#include "preview.h"

#include <string.h>

#include "layer_out.h"
#include "region_in.h"
#include "selection.h"

/* canvas ∩ layer */
static df_rect
window_of (GimpDrawable *drawable, const df_rect *canvas)
{
  return (df_rect) { canvas->x, canvas->y, MIN (canvas->width, gimp_drawable_get_width (drawable) - canvas->x),
                     MIN (canvas->height, gimp_drawable_get_height (drawable) - canvas->y) };
}

static void
read_mask (noised *n, GimpDrawable *drawable, const df_rect *instead, const df_rect *window, int every, double feather)
{
  float *selected = selection_read (drawable, instead, window);
  float *mask     = g_new (float, (gsize) window->width * window->height);

  if (df_canvas_mask (selected, window->width, window->height, feather, window->width, window->height, mask, NULL) != DF_OK)
    memcpy (mask, selected, (gsize) window->width * window->height * sizeof *mask);
  n->mask = g_new (float, (gsize) n->width * n->height);
  for (int y = 0; y < n->height; y++)
    for (int x = 0; x < n->width; x++)
      n->mask[(gsize) y * n->width + x] = mask[(gsize) y * every * window->width + (gsize) x * every];
  g_free (mask);
  g_free (selected);
}

noised
preview_read (GimpDrawable *drawable, const df_model *model, const prepared *p, const settings *s)
{
  df_rect window = window_of (drawable, &p->canvas);
  int     every  = (MAX (window.width, window.height) + NOISED_SIDE - 1) / NOISED_SIDE;
  noised  n = { .width = (window.width + every - 1) / every, .height = (window.height + every - 1) / every,
                .channels = df_model_describe (model)->channels, .blend = p->request.hard_edge_blend };

  n.x0 = region_sample (drawable, &window, every, n.channels);
  read_mask (&n, drawable, &s->within, &window, every, n.blend ? 0.0 : s->feather);
  noised_draw (&n, model, &p->request, s->seed);
  return n;
}

char *
preview_pixels (GimpDrawable *drawable, const prepared *p)
{
  df_rect window = window_of (drawable, &p->canvas);

  return layer_checksum (drawable, gimp_drawable_get_format (drawable), &window);
}

char *
preview_key (GimpDrawable *drawable, const df_model *model, const prepared *p, const settings *s)
{
  df_rect window    = window_of (drawable, &p->canvas);
  float  *selected  = selection_read (drawable, &s->within, &p->place);
  char   *selection = g_compute_checksum_for_data (G_CHECKSUM_MD5, (const guchar *) selected,
                                                   (gsize) p->place.width * p->place.height * sizeof *selected);
  char   *key = g_strdup_printf ("%s %d,%d %d×%d %d,%d %d,%d %d%d %g %d %d %s", df_model_describe (model)->path,
                                 window.x, window.y, window.width, window.height, p->place.x, p->place.y,
                                 p->request.origin_x, p->request.origin_y, p->request.tile_x, p->request.tile_y,
                                 s->feather, p->request.hard_edge_blend, s->seed, selection);

  g_free (selection);
  g_free (selected);
  return key;
}
