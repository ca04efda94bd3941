/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check: what is refused before anything is computed, with texts that say what to do (DESIGN §5). */
#ifndef PLUGIN_CHECK_H
#define PLUGIN_CHECK_H

#include <libgimp/gimp.h>

#include "args.h"
#include "core/diffusion.h"

#define CHECK_ERROR (check_error_quark ())
GQuark check_error_quark (void);

/* Sets an error of ours and returns FALSE. */
gboolean refuse (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* An image we can work on: there is one, and it is not indexed. */
gboolean check_image (GimpImage *image, GError **error);
/* Exactly one layer that can be read and, for output replace, written. */
gboolean check_drawable (GimpDrawable **drawables, gboolean replace, GError **error);
/* One or more layers that can be read. */
gboolean check_sources (GimpDrawable **drawables, GError **error);
/* None of them smaller than the smallest patch. */
gboolean check_large_enough (GimpDrawable **drawables, GError **error);
/* The numbers of a training run; memory-mb is settled. */
gboolean check_training (settings *s, GError **error);
/* Words, numbers and the model's own limits into a request; resolves what "auto", 0 and "" stand for, in s too. */
gboolean check_settings (settings *s, const df_model *model, df_request *request, GError **error);

#endif
