/* SPDX-License-Identifier: GPL-3.0-or-later */
/* prepare: what stands between arguments and computing: the model, every check, where and how large. Runs and dialogs ask
 * the same questions here, so that a dialog knows before OK what a run would say. */
#ifndef PLUGIN_PREPARE_H
#define PLUGIN_PREPARE_H

#include <libgimp/gimp.h>

#include "args.h"
#include "core/diffusion.h"

typedef struct prepared
{
  df_request request;
  df_rect    place;     /* generate: of the new layers, image coordinates; denoise: selected, layer coordinates */
  df_rect    canvas;    /* denoise: what the network sees, layer coordinates                                    */
  size_t     results;   /* bytes of all pictures that wait until the last is done (of variations: in the first); else 0 */
} prepared;

/* Opens the model of s; an empty name becomes that of the default model, so that recipes say which it was. */
df_model *prepare_model    (settings *s, GError **error);
/* Resolve s and fill the request, or say why not. Nothing of the picture is read. */
gboolean  prepare_generate (GimpImage *image, settings *s, const df_model *model, prepared *out, GError **error);
gboolean  prepare_denoise  (GimpImage *image, GimpDrawable **drawables, settings *s, const df_model *model,
                            prepared *out, GError **error);
/* One entry of *each and *out for every noise level that s asks for, each the settings and the request of a denoise to a new
 * layer. Returns how many; 0 with an error. Free both with prepare_forget. */
int       prepare_variations (GimpImage *image, GimpDrawable **drawables, const settings *s, const df_model *model,
                              settings **each, prepared **out, GError **error);
void      prepare_forget     (settings *each, prepared *p, int n);
/* The first t of a list of levels; 0: it is empty, or begins with no number. */
int       prepare_first_level (const char *levels);

/* What a result is called: after its class, or its model where that has none, and its seed. g_free. */
char     *prepare_name       (const df_model_info *info, const df_request *request, gint64 seed);

#endif
