/* SPDX-License-Identifier: GPL-3.0-or-later */
/* landing: see landing.h. */
#include "landing.h"

#include <glib/gi18n-lib.h>

#include "check.h"

landing
landing_of (GimpImage *image)
{
  return (landing) { .image = image, .width = gimp_image_get_width (image), .height = gimp_image_get_height (image),
                     .type = gimp_image_get_base_type (image), .precision = gimp_image_get_precision (image),
                     .profile = gimp_image_get_color_profile (image) };
}

gboolean
landing_open (landing *l, GError **error)
{
  l->closed = !gimp_image_is_valid (l->image);
  if (check_image (l->image, NULL))
    return TRUE;
  l->image = gimp_image_new_with_precision (l->width, l->height, l->type, l->precision);
  if (l->image == NULL)
    return refuse (error, _("The image was closed or became indexed during the run, and GIMP could not make a new one for the result."));
  l->fresh = TRUE;
  gimp_image_undo_disable (l->image);
  if (l->profile != NULL)
    gimp_image_set_color_profile (l->image, l->profile);
  return TRUE;
}

void
landing_end (const landing *l, gboolean result)
{
  if (!l->fresh)
    return;
  if (!result)
    {
      gimp_image_delete (l->image);
      return;
    }
  gimp_image_undo_enable (l->image);
  gimp_display_new (l->image);
  gimp_message (l->closed ? _("The image was closed during the run; the result is a new image.")
                          : _("The image became indexed during the run; the result is a new image."));
}

void
landing_clear (landing *l)
{
  g_clear_object (&l->profile);
}
