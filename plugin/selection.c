/* SPDX-License-Identifier: GPL-3.0-or-later */
/* selection: see selection.h. */
#include "selection.h"

static gboolean
is_in (const df_rect *r, int x, int y)
{
  return r->width == 0 || (x >= r->x && x < r->x + r->width && y >= r->y && y < r->y + r->height);
}

gboolean
selection_bounds (GimpDrawable *drawable, const df_rect *instead, df_rect *bounds)
{
  GeglRectangle whole = { 0, 0, gimp_drawable_get_width (drawable), gimp_drawable_get_height (drawable) }, meet;

  if (instead->width > 0 && gimp_selection_is_empty (gimp_item_get_image (GIMP_ITEM (drawable))))
    {
      if (!gegl_rectangle_intersect (&meet, &whole, GEGL_RECTANGLE (instead->x, instead->y, instead->width, instead->height)))
        return FALSE;
      *bounds = (df_rect) { meet.x, meet.y, meet.width, meet.height };
      return TRUE;
    }
  /* A selection beside the layer gives FALSE and a negative size. */
  return gimp_drawable_mask_intersect (drawable, &bounds->x, &bounds->y, &bounds->width, &bounds->height) &&
         bounds->width > 0 && bounds->height > 0;
}

float *
selection_read (GimpDrawable *drawable, const df_rect *instead, const df_rect *rect)
{
  GimpImage  *image = gimp_item_get_image (GIMP_ITEM (drawable));
  gsize       n     = (gsize) rect->width * rect->height;
  float      *mask  = g_new (float, n);
  int         offset_x, offset_y;
  GeglBuffer *buffer;

  if (gimp_selection_is_empty (image))
    {
      for (int y = 0; y < rect->height; y++)
        for (int x = 0; x < rect->width; x++)
          mask[(gsize) y * rect->width + x] = is_in (instead, rect->x + x, rect->y + y);
      return mask;
    }
  gimp_drawable_get_offsets (drawable, &offset_x, &offset_y);
  buffer = gimp_drawable_get_buffer (GIMP_DRAWABLE (gimp_image_get_selection (image)));
  gegl_buffer_get (buffer, GEGL_RECTANGLE (rect->x + offset_x, rect->y + offset_y, rect->width, rect->height), 1.0,
                   babl_format ("Y float"), mask, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  g_object_unref (buffer);
  return mask;
}
