/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rerun: a layer's recipe, run once more. A generated layer is made again as a new layer at its place; a denoised one is
 * denoised again with the selection there is now, or where there is none within the rectangle that was selected then. With the
 * output new-layer it reads the layer that was read then, and gives the same pixels as long as that has not changed. */
#ifndef PLUGIN_RERUN_H
#define PLUGIN_RERUN_H

#include <libgimp/gimp.h>

#include "job.h"

/* The layer; NULL as in run.h. */
GimpLayer *rerun_layer (GimpImage *image, GimpDrawable **drawables, const job_watch *watch, GimpPDBStatusType *status,
                        GError **error);

#endif
