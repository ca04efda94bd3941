/* SPDX-License-Identifier: GPL-3.0-or-later */
/* train_data: layers as the trainer takes them: 8 bit sRGB at their own pixel scale. */
#ifndef PLUGIN_TRAIN_DATA_H
#define PLUGIN_TRAIN_DATA_H

#include <libgimp/gimp.h>

#include "core/diffusion.h"

typedef struct sources
{
  df_picture *pictures;
  gsize       count;
  int         largest;       /* side of a square without pixels that no patch may touch, in each one */
} sources;

/* channels of the model: 1, 3 or 4. Pixels that no patch may touch: the selection if exclude_selection (nothing when
 * nothing is selected), and transparent ones where the model knows no transparency. */
sources sources_read  (GimpDrawable **drawables, int channels, gboolean exclude_selection);
void    sources_clear (sources *s);

#endif
