/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job: see job.h. The two threads share four atomic words: progress, step and `fresh` go from the worker to the main loop,
 * `answer` goes back. Preview and its flag are a mailbox: the worker writes while it is empty, the main loop empties it.
 * The worker wakes the main loop at the end with an idle source. Cancel in GIMP is a SIGKILL of this process: nothing
 * in the image has been touched then. */
#include "job.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

struct job
{
  job_body    body;
  gpointer    data;
  float      *preview;
  df_error   *err;
  df_status   status;
  GMainLoop  *loop;
  job_tick    tick;
  gpointer    user;
  int         answer;       /* atomic: the last job_answer                */
  int         progress;     /* atomic: of the run, in 1/100000            */
  int         step;         /* atomic: whole steps done                   */
  int         fresh;        /* atomic: preview holds what nobody has seen */
  pid_t       parent;
};

static gboolean
wake (gpointer data)
{
  g_main_loop_quit (((job *) data)->loop);
  return G_SOURCE_REMOVE;
}

job_answer
job_post (job *j, double fraction)
{
  g_atomic_int_set (&j->progress, (int) (fraction * 100000.0));
  return (job_answer) g_atomic_int_get (&j->answer);
}

void
job_count (job *j, int step)
{
  g_atomic_int_set (&j->step, step);
}

float *
job_wanted (job *j)
{
  return j->preview != NULL && !g_atomic_int_get (&j->fresh) ? j->preview : NULL;
}

void
job_offer (job *j)
{
  g_atomic_int_set (&j->fresh, 1);
}

static gpointer
work (gpointer data)
{
  job *j = data;

  j->status = j->body (j, j->data, j->err);
  g_idle_add (wake, j);
  return NULL;
}

static gboolean
show (gpointer data)
{
  job             *j     = data;
  gboolean         fresh = g_atomic_int_get (&j->fresh);
  const job_moment now   = { .fraction = g_atomic_int_get (&j->progress) / 100000.0, .step = g_atomic_int_get (&j->step),
                             .estimate = fresh ? j->preview : NULL };
  job_answer       answer;

  if (getppid () != j->parent)
    raise (SIGKILL);
  answer = j->tick (j->user, &now);
  if (fresh)
    g_atomic_int_set (&j->fresh, 0);
  if (answer != JOB_GO_ON)
    g_atomic_int_set (&j->answer, answer);
  return G_SOURCE_CONTINUE;
}

df_status
job_do (job_body body, gpointer data, job_tick tick, gpointer user, float *preview, df_error *err)
{
  job      j = { .body = body, .data = data, .preview = preview, .err = err, .tick = tick, .user = user,
                 .loop = g_main_loop_new (NULL, FALSE), .parent = getppid () };
  guint    timer  = g_timeout_add (50, show, &j);
  GThread *worker = g_thread_new ("diffusion", work, &j);

  g_main_loop_run (j.loop);
  g_thread_join (worker);
  g_source_remove (timer);
  g_main_loop_unref (j.loop);
  /* cancelled in the moment of finishing */
  return j.status == DF_OK && j.answer == JOB_CANCEL ? DF_CANCELLED : j.status;
}

/* ------------------------------------------------------------------ a session */

typedef struct session_run
{
  df_session     *session;
  const df_input *input;
  int             stop_after;   /* whole steps; 0: all */
  float          *out;
} session_run;

static bool
go_on (void *user, double fraction)
{
  return job_post (user, fraction) == JOB_GO_ON;
}

static df_status
run_session (job *j, gpointer data, df_error *err)
{
  session_run      *r        = data;
  const df_progress progress = { go_on, j };
  df_status         status   = df_begin (r->session, r->input, err);
  float            *preview;

  if (status == DF_OK)
    while ((status = df_step (r->session, &progress, err)) == DF_OK &&
           (r->stop_after == 0 || df_session_step (r->session) < r->stop_after))
      {
        job_count (j, df_session_step (r->session));
        if ((preview = job_wanted (j)) != NULL)
          {
            df_estimate (r->session, preview);
            job_offer (j);
          }
      }
  if (status == DF_DONE || status == DF_OK ||
      (status == DF_CANCELLED && g_atomic_int_get (&j->answer) == JOB_STOP && df_session_step (r->session) > 0))
    status = df_finish (r->session, r->out, err);
  return status;
}

df_status
job_run (df_session *session, const df_input *input, int stop_after, job_tick tick, gpointer user, float *preview,
         float *out, df_error *err)
{
  session_run r = { session, input, stop_after, out };

  return job_do (run_session, &r, tick, user, preview, err);
}

void
job_die_with_parent (void)
{
  pid_t parent = getppid ();

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != parent)     /* it died before the request was in place */
    raise (SIGKILL);
}
