/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run: the journey of a picture, once for each procedure. */
#ifndef PLUGIN_RUN_H
#define PLUGIN_RUN_H

#include <libgimp/gimp.h>

#include "args.h"

/* New layers (g_free the array), NULL-terminated; NULL with an error and *status. */
GimpLayer **run_generate (GimpImage *image, settings *s, GimpPDBStatusType *status, GError **error);
/* The drawable itself, or the new layer; NULL with an error and *status. */
GimpLayer  *run_denoise  (GimpImage *image, GimpDrawable **drawables, settings *s, GimpPDBStatusType *status,
                          GError **error);

#endif
