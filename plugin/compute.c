/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compute: see compute.h. */
#include "compute.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "check.h"

/* The core knows nothing of the pictures that wait here. */
static gboolean
check_results (const df_model *model, const prepared *p, GError **error)
{
  df_forecast forecast;
  double      bytes;

  if (p->results == 0 || df_forecast_run (model, &p->request, &forecast, NULL) != DF_OK)
    return TRUE;
  bytes = (double) forecast.bytes + (double) p->results;
  return bytes <= (double) p->request.memory_cap ||
         refuse (error, _("With all its pictures this run needs %.0f MB, and memory-mb is %.0f: ask for fewer or smaller ones, or "
                          "raise it."), ceil (bytes / 1e6), (double) p->request.memory_cap / 1e6);
}

df_session *
compute_session (const df_model *model, const prepared *p, GimpPDBStatusType *status, GError **error)
{
  const df_request *r       = &p->request;
  df_session       *session = NULL;
  df_error          err;
  df_status         result;

  if (!check_results (model, p, error))
    {
      *status = GIMP_PDB_EXECUTION_ERROR;
      return NULL;
    }
  result = df_session_new (&session, model, r, &err);

  if (result == DF_OK)
    return session;
  *status = result == DF_ERROR_ARGUMENT ? GIMP_PDB_CALLING_ERROR : GIMP_PDB_EXECUTION_ERROR;
  if (result == DF_ERROR_CAP)
    refuse (error, "%s (memory-mb is %.0f.)", err.text, (double) r->memory_cap / 1e6);
  else
    refuse (error, "%s", err.text);
  return NULL;
}

compute
compute_begin (const job_watch *watch, const df_model *model, const df_request *r, int count, const float *before,
               const float *mask)
{
  const df_model_info *info = df_model_describe (model);
  compute              c    = { .watch = watch, .model = model, .count = count, .pixels = (gsize) r->width * r->height,
                                .before = before, .mask = mask };

  gimp_progress_init_printf ("%s", info->title);
  if (watch->show != NULL)
    {
      watch->open (watch->user, &(job_view) { info->title, r->width, r->height, info->channels, before });
      c.preview = g_new (float, c.pixels * info->channels);
    }
  return c;
}

void
compute_blend (float *x, const float *before, const float *mask, gsize pixels, int channels)
{
  for (gsize i = 0, at = 0; i < pixels; i++)
    for (int c = 0; c < channels; c++, at++)
      x[at] = before[at] + mask[i] * (x[at] - before[at]);
}

static job_answer
tick (gpointer user, const job_moment *now)
{
  compute   *c     = user;
  job_moment whole = *now;

  whole.fraction = (c->index + now->fraction) / c->count;
  whole.steps    = df_session_steps (c->session);
  whole.t        = df_session_timestep (c->session, now->step);
  whole.level    = df_level_at (c->model, whole.t);
  whole.picture  = c->index;
  whole.pictures = c->count;
  gimp_progress_update (whole.fraction);
  if (now->estimate != NULL && c->mask != NULL)
    compute_blend (c->preview, c->before, c->mask, c->pixels, df_model_describe (c->model)->channels);
  if (c->watch->show != NULL)
    c->answer = c->watch->show (c->watch->user, &whole);
  return c->answer;
}

df_status
compute_picture (compute *c, df_session *session, const df_input *input, int stop_after, float *out, df_error *err)
{
  df_status result;

  c->session = session;
  result     = job_run (session, input, stop_after, tick, c, c->preview, out, err);
  c->index++;
  if (result == DF_OK)
    c->stopped_after = df_session_step (session) < df_session_steps (session) ? df_session_step (session) : 0;
  return result;
}

void
compute_end (compute *c)
{
  gimp_progress_end ();
  g_clear_pointer (&c->preview, g_free);
}
