/* SPDX-License-Identifier: GPL-3.0-or-later */
/* picture: what the network sees or makes, as a picture on the screen. */
#ifndef UI_PICTURE_H
#define UI_PICTURE_H

#include <gdk-pixbuf/gdk-pixbuf.h>

#define PICTURE_SIDE 320     /* on the screen it fits this square */

/* How much larger than itself a picture is shown: down to the square above, or up to four times. */
double     picture_scale  (int width, int height);
/* x [height,width,channels] -1 … 1. Grey and colour as they are, premultiplied colour on black. At that scale. */
GdkPixbuf *picture_pixbuf (const float *x, int width, int height, int channels);

#endif
