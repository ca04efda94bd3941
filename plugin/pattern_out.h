/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pattern_out: a picture into the user's patterns, in GIMP's .pat format (version 1, 8 bit). */
#ifndef PLUGIN_PATTERN_OUT_H
#define PLUGIN_PATTERN_OUT_H

#include <libgimp/gimp.h>

/* rgba: R'G'B'A [height,width,4] 0 … 1; alpha is kept where it is not 1 everywhere. The file is named after the pattern, with
 * a number where there is one already. GIMP must then be told (gimp_patterns_refresh). */
gboolean pattern_save (const char *name, int width, int height, const float *rgba, GError **error);

#endif
