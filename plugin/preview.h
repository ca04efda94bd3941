/* SPDX-License-Identifier: GPL-3.0-or-later */
/* preview: what dialogs show of a picture before OK; read here, so that they never touch the image. */
#ifndef PLUGIN_PREVIEW_H
#define PLUGIN_PREVIEW_H

#include <libgimp/gimp.h>

#include "prepare.h"
#include "ui/noised.h"

/* The selection and its context, at most NOISED_SIDE large: of a larger one every k-th pixel, with noise of its own. */
noised preview_read (GimpDrawable *drawable, const df_model *model, const prepared *p, const settings *s);
/* Checksum of what is worked on and sees: reads all of it. g_free. */
char  *preview_pixels (GimpDrawable *drawable, const prepared *p);
/* Changes when the place, the selection or what preview_read makes of them would be others; g_free. */
char  *preview_key  (GimpDrawable *drawable, const df_model *model, const prepared *p, const settings *s);

#endif
