/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job: see job.h. The worker only ever writes `fraction` and `status` and reads `stop`; it wakes the main loop at the
 * end with an idle source. Cancel in GIMP is a SIGKILL of this process: nothing in the image has been touched then. */
#include "job.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

typedef struct job
{
  df_session     *session;
  const df_input *input;
  float          *out;
  df_error       *err;
  df_status       status;
  GMainLoop      *loop;
  job_tick        tick;
  void           *user;
  int             stop;         /* atomic */
  int             permille;     /* atomic: progress in 1/100000 */
  pid_t           parent;
} job;

static gboolean
wake (gpointer data)
{
  g_main_loop_quit (((job *) data)->loop);
  return G_SOURCE_REMOVE;
}

static bool
go_on (void *user, double fraction)
{
  job *j = user;

  g_atomic_int_set (&j->permille, (int) (fraction * 100000.0));
  return !g_atomic_int_get (&j->stop);
}

static gpointer
work (gpointer data)
{
  job              *j        = data;
  const df_progress progress = { go_on, j };

  j->status = df_run (j->session, j->input, &progress, j->out, j->err);
  if (j->status == DF_CANCELLED)
    df_estimate (j->session, j->out);
  g_idle_add (wake, j);
  return NULL;
}

static gboolean
show (gpointer data)
{
  job *j = data;

  if (getppid () != j->parent)
    raise (SIGKILL);
  if (!j->tick (j->user, g_atomic_int_get (&j->permille) / 100000.0))
    g_atomic_int_set (&j->stop, 1);
  return G_SOURCE_CONTINUE;
}

df_status
job_run (df_session *session, const df_input *input, job_tick tick, void *user, float *out, df_error *err)
{
  job      j = { .session = session, .input = input, .out = out, .err = err, .tick = tick, .user = user,
                 .loop = g_main_loop_new (NULL, FALSE), .parent = getppid () };
  guint    timer  = g_timeout_add (50, show, &j);
  GThread *worker = g_thread_new ("diffusion", work, &j);

  g_main_loop_run (j.loop);
  g_thread_join (worker);
  g_source_remove (timer);
  g_main_loop_unref (j.loop);
  return j.status;
}

void
job_die_with_parent (void)
{
  pid_t parent = getppid ();

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != parent)     /* it died before the request was in place */
    raise (SIGKILL);
}
