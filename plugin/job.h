/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job: the one way to run anything: a worker thread computes while the main loop of this (main) thread, which alone
 * may speak to GIMP and GTK, shows progress. Dialogs and batch use the same. */
#ifndef PLUGIN_JOB_H
#define PLUGIN_JOB_H

#include <glib.h>

#include "core/diffusion.h"

typedef enum job_answer
{
  JOB_GO_ON,
  JOB_STOP,      /* keep what there is, the present x̂_0 */
  JOB_CANCEL     /* keep nothing                        */
} job_answer;

/* How far it is. The first three come from here, the others from whoever knows what is computed. */
typedef struct job_moment
{
  double       fraction;     /* of everything, 0 … 1                                                    */
  int          step;         /* whole steps done                                                        */
  const float *estimate;     /* [canvas] the present x̂_0 after a new step, else NULL; valid in the call */
  int          steps, t;     /* of the sampler, and where it is; steps 0: there is none                 */
  df_level     level;        /* at t                                                                    */
  int          picture, pictures;
} job_moment;

/* Called on the main thread about twenty times a second. */
typedef job_answer (*job_tick) (gpointer user, const job_moment *now);

/* What is going to be shown. */
typedef struct job_view
{
  const char  *title;
  int          width, height, channels;     /* of the canvas                                           */
  const float *before;                      /* [canvas] as it was, NULL where there was nothing; to the end of the run */
} job_view;

/* Several results to choose from. */
typedef struct job_choice
{
  job_view            view;         /* of each                        */
  int                 count;
  const float *const *pictures;     /* [height,width,channels] -1 … 1 */
  const char *const  *names;
} job_choice;

/* Who looks on while a run goes; user and the functions, or NULL for nobody. */
typedef struct job_watch
{
  gpointer user;
  void   (*open)   (gpointer user, const job_view *view);
  job_tick show;
  /* keep [count]: which results become layers. FALSE: none, as after Cancel. NULL where nobody is asked: all. */
  gboolean (*choose) (gpointer user, const job_choice *choice, gboolean *keep);
} job_watch;

/* What the worker thread does, and its three words with the main thread. */
typedef struct job job;
typedef df_status (*job_body) (job *j, gpointer data, df_error *err);

/* Says how far it is; the answer of the moment. */
job_answer job_post         (job *j, double fraction);
/* Says how many whole steps are done. */
void       job_count        (job *j, int step);
/* Where the next estimate goes; NULL while nobody looks on or the last one has not been seen. Then job_offer. */
float     *job_wanted       (job *j);
void       job_offer        (job *j);

/* Runs body (j, data, err) on a thread of its own and returns what it returned; DF_CANCELLED when the last answer was
 * JOB_CANCEL. preview: space for estimates, or NULL where nobody looks at them. */
df_status  job_do           (job_body body, gpointer data, job_tick tick, gpointer user, float *preview, df_error *err);

/* Begins, steps to the end, or stop_after steps where that is not 0, and finishes into out [canvas]; returns as df_run
 * does. preview: [canvas] space for estimates, or NULL where nobody looks at them.
 * Stopped after a whole step it returns DF_OK with the present x̂_0 in out, and df_session_step is short of
 * df_session_steps; stopped earlier, or cancelled, DF_CANCELLED. */
df_status job_run (df_session *session, const df_input *input, int stop_after, job_tick tick, gpointer user,
                   float *preview, float *out, df_error *err);

/* The plug-in must not outlive its host: asks the kernel to kill it with its parent. Call once, at the start of a run. */
void      job_die_with_parent (void);

#endif
