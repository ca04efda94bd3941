/* SPDX-License-Identifier: GPL-3.0-or-later */
/* selection: see selection.h. */
#include "selection.h"

gboolean
selection_bounds (GimpDrawable *drawable, df_rect *bounds)
{
  /* A selection beside the layer gives FALSE and a negative size. */
  return gimp_drawable_mask_intersect (drawable, &bounds->x, &bounds->y, &bounds->width, &bounds->height) &&
         bounds->width > 0 && bounds->height > 0;
}

float *
selection_read (GimpDrawable *drawable, const df_rect *rect)
{
  GimpImage  *image = gimp_item_get_image (GIMP_ITEM (drawable));
  gsize       n     = (gsize) rect->width * rect->height;
  float      *mask  = g_new (float, n);
  int         offset_x, offset_y;
  GeglBuffer *buffer;

  if (gimp_selection_is_empty (image))
    {
      for (gsize i = 0; i < n; i++)
        mask[i] = 1.0f;
      return mask;
    }
  gimp_drawable_get_offsets (drawable, &offset_x, &offset_y);
  buffer = gimp_drawable_get_buffer (GIMP_DRAWABLE (gimp_image_get_selection (image)));
  gegl_buffer_get (buffer, GEGL_RECTANGLE (rect->x + offset_x, rect->y + offset_y, rect->width, rect->height), 1.0,
                   babl_format ("Y float"), mask, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  g_object_unref (buffer);
  return mask;
}
