/* SPDX-License-Identifier: GPL-3.0-or-later */
/* landing: the image that a result goes to. GIMP lets the user close it during a run, and then it is gone with all its
 * layers; or make it indexed, and then a result does not fit: it becomes an image of its own, of the same size, kind and profile, in a new window. */
#ifndef PLUGIN_LANDING_H
#define PLUGIN_LANDING_H

#include <libgimp/gimp.h>

typedef struct landing
{
  GimpImage        *image;
  gboolean          fresh;      /* image is a new one, and nobody sees it yet    */
  gboolean          closed;     /* why: the old one was closed, or became indexed */
  int               width, height;
  GimpImageBaseType type;
  GimpPrecision     precision;
  GimpColorProfile *profile;
} landing;

/* Before the run. */
landing  landing_of    (GimpImage *image);
/* After it: image is valid from here on. FALSE with an error where GIMP makes no new one. */
gboolean landing_open  (landing *l, GError **error);
/* Shows a fresh image with the result in it, and says why it is there; deletes it where there is no result. */
void     landing_end   (const landing *l, gboolean result);
void     landing_clear (landing *l);

#endif
