/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run: the journey of a picture, once for each procedure. */
#ifndef PLUGIN_RUN_H
#define PLUGIN_RUN_H

#include <libgimp/gimp.h>

#include "args.h"
#include "job.h"

/* New layers (g_free the array), NULL-terminated; NULL with *status and, unless that is CANCEL, an error. */
GimpLayer **run_generate (GimpImage *image, settings *s, const job_watch *watch, GimpPDBStatusType *status,
                          GError **error);
/* The drawable itself, or the new layer; NULL likewise. */
GimpLayer  *run_denoise  (GimpImage *image, GimpDrawable **drawables, settings *s, const job_watch *watch,
                          GimpPDBStatusType *status, GError **error);
/* The new group; NULL likewise. */
GimpLayer  *run_variations (GimpImage *image, GimpDrawable **drawables, settings *s, const job_watch *watch,
                            GimpPDBStatusType *status, GError **error);

/* What a run of one picture makes, off the image. */
typedef struct rehearsal
{
  int    width, height, channels;
  float *before, *after;      /* [height,width,channels] -1 … 1; before: NULL for generate */
} rehearsal;

/* The same runs, generate for its first picture, without touching the image. out: zeros. FALSE as above. */
gboolean run_rehearse_generate (GimpImage *image, settings *s, const job_watch *watch, rehearsal *out,
                                GimpPDBStatusType *status, GError **error);
gboolean run_rehearse_denoise  (GimpImage *image, GimpDrawable **drawables, settings *s, const job_watch *watch,
                                rehearsal *out, GimpPDBStatusType *status, GError **error);
void     rehearsal_clear       (rehearsal *r);

#endif
