/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compute: one or several pictures behind one progress bar, off the image. */
#ifndef PLUGIN_COMPUTE_H
#define PLUGIN_COMPUTE_H

#include <libgimp/gimp.h>

#include "job.h"
#include "prepare.h"

typedef struct compute
{
  const job_watch *watch;
  const df_model  *model;
  df_session      *session;           /* of the picture under way                                                */
  int              index, count;      /* pictures                                                                */
  gsize            pixels;            /* of the canvas                                                           */
  const float     *before, *mask;     /* of the canvas; with mask what is shown is blended through it            */
  float           *preview;           /* NULL where nobody looks on                                              */
  job_answer       answer;            /* what the onlooker said last                                             */
  int              stopped_after;     /* whole steps of the last picture; 0 when it went to its end              */
} compute;

/* A session for what is prepared; NULL with *status and an error. */
df_session *compute_session (const df_model *model, const prepared *p, GimpPDBStatusType *status, GError **error);

/* Progress in GIMP and before the onlooker's eyes, for `count` pictures of a request. before, mask: NULL where there are
 * none; they stay to the end. */
compute     compute_begin   (const job_watch *watch, const df_model *model, const df_request *r, int count,
                             const float *before, const float *mask);
/* The next picture, as job_run: out [canvas]. */
df_status   compute_picture (compute *c, df_session *session, const df_input *input, int stop_after, float *out,
                             df_error *err);
void        compute_end     (compute *c);

/* x [pixels,channels] becomes what a screen shows of it blended through mask [pixels] over before, nearly: GIMP blends
 * layers in linear light. */
void        compute_blend   (float *x, const float *before, const float *mask, gsize pixels, int channels);

#endif
