/* SPDX-License-Identifier: GPL-3.0-or-later */
/* progress: the window of a run that was started from a dialog: how far it is, the present x̂_0, beside the picture before
 * where there is one, and two ways out: stop and keep that, or cancel and keep nothing. Opened with the first picture, so
 * a refusal shows no window. */
#ifndef UI_PROGRESS_H
#define UI_PROGRESS_H

#include <gtk/gtk.h>

#include "plugin/job.h"

typedef struct progress
{
  GtkWidget  *window, *picture, *bar, *readout, *left;
  job_view    view;
  const char *caption;                   /* what the picture shows, NULL: x̂_0            */
  gint64      started;                   /* g_get_monotonic_time () of the first moment  */
  double      from;                      /* fraction of that moment                      */
  job_answer  answer;
} progress;

/* For run_generate and its like; p starts as zeros, but for the caption, and outlives the run. */
job_watch progress_watch (progress *p);
/* Closes the window where there is one. */
void      progress_close (progress *p);

#endif
