/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job: the one way to run a session: a worker thread steps it while the main loop of this (main) thread, which alone
 * may speak to GIMP and GTK, shows progress. Dialogs and batch use the same. */
#ifndef PLUGIN_JOB_H
#define PLUGIN_JOB_H

#include <glib.h>

#include "core/diffusion.h"

/* Called on the main thread about twenty times a second; fraction of the run, 0 … 1. FALSE: stop. */
typedef gboolean (*job_tick) (void *user, double fraction);

/* Begins, steps to the end and finishes into out; returns as df_run does. A stop keeps the present x̂_0 in out
 * and returns DF_CANCELLED. */
df_status job_run (df_session *session, const df_input *input, job_tick tick, void *user, float *out, df_error *err);

/* The plug-in must not outlive its host: asks the kernel to kill it with its parent. Call once, at the start of a run. */
void      job_die_with_parent (void);

#endif
