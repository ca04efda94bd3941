/* SPDX-License-Identifier: GPL-3.0-or-later */
/* train: see train.h. Everything happens in a hidden folder; the last act turns it into the model. Stop keeps the
 * model as it is, with a checkpoint to go on from. A resumed model is rewritten file by file, each by one rename. */
#include "train.h"

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "find_model.h"
#include "train_config.h"
#include "train_data.h"
#include "train_folder.h"
#include "ui/picture.h"

#define PREVIEW_SIDE    128
#define PREVIEW_STEPS   20
#define PREVIEW_SECONDS 3        /* between two at least, and …                        */
#define PREVIEW_SHARE   8        /* … so many times as long as the last one took       */

typedef struct training
{
  const settings  *s;
  const job_watch *watch;
  df_model        *base;         /* NULL: from nothing, or resumed                     */
  char            *name, *config;
  train_folder     folder;
  sources          data;
  int              channels, width, height;     /* of the preview                      */
  df_trainer      *trainer;
  df_train_report  report;
  gint64           next;         /* preview, g_get_monotonic_time ()                   */
  gint64           started;
  int              told;         /* seconds left as shown, -1: none                    */
  gboolean         kept;         /* the model is whole, whatever is answered now       */
  gboolean         unresumable;  /* the model was kept without a checkpoint, because … */
  df_error         problem;
} training;

static const char *
destination_of (const training *t)
{
  return t->s->resume ? t->folder.target : t->folder.work;
}

/* ------------------------------------------------------------------ on the worker thread */

typedef struct errand
{
  job   *j;
  double fraction;
} errand;

static bool
go_on (void *user, double fraction)
{
  const errand *e = user;

  return job_post (e->j, e->fraction) == JOB_GO_ON;
}

/* What the model in a folder makes of seed 1; NULL progress: to the end whatever is answered. */
static df_status
draw_sample (const training *t, const char *folder, const df_progress *progress, float *out, df_error *err)
{
  df_model   *model;
  df_session *session;
  df_request  r;
  df_status   status = df_model_open (&model, folder, err);

  if (status != DF_OK)
    return status;
  df_request_default (model, &r);
  r.width   = t->width;
  r.height  = t->height;
  r.steps   = MIN (PREVIEW_STEPS, df_model_describe (model)->num_train_timesteps);
  r.tile_x  = r.tile_y = df_model_describe (model)->tileable;
  r.threads = gimp_get_num_processors ();
  status    = df_session_new (&session, model, &r, err);
  if (status == DF_OK)
    {
      status = df_run (session, &(df_input) { .seed = 1 }, progress, out, err);
      df_session_free (session);
    }
  df_model_close (model);
  return status;
}

/* A preview that fails is no reason to stop learning. */
static void
look (training *t, job *j, double fraction)
{
  gint64            now  = g_get_monotonic_time ();
  float            *into = now >= t->next ? job_wanted (j) : NULL;
  errand            e    = { j, fraction };
  const df_progress progress = { go_on, &e };

  if (into == NULL)
    return;
  if (df_trainer_export (t->trainer, t->folder.work, true, true, NULL) == DF_OK &&
      draw_sample (t, t->folder.work, &progress, into, NULL) == DF_OK)
    job_offer (j);
  t->next = g_get_monotonic_time ();
  t->next += MAX (PREVIEW_SECONDS * G_USEC_PER_SEC, PREVIEW_SHARE * (t->next - now));
}

static void
write_thumbnail (const training *t, const char *folder)
{
  float *sample = g_new (float, (gsize) t->width * t->height * t->channels);
  char  *path   = g_build_filename (folder, "thumbnail.png", NULL);

  if (draw_sample (t, folder, NULL, sample, NULL) == DF_OK)
    {
      GdkPixbuf *pixbuf = picture_pixbuf (sample, t->width, t->height, t->channels);

      gdk_pixbuf_save (pixbuf, path, "png", NULL, NULL);
      g_object_unref (pixbuf);
    }
  g_free (path);
  g_free (sample);
}

/* What the last preview was made of: each file of it was written whole. */
static gboolean
has_earlier (const training *t)
{
  df_model *model;
  gboolean  has = !t->s->resume && df_model_open (&model, t->folder.work, NULL) == DF_OK;

  if (has)
    df_model_close (model);
  return has;
}

/* The model and, when it was stopped, a checkpoint. That is eight times as large: where only the model fits, it is kept
 * alone, and it is said; where not even that fits, the model of the last preview is. */
static df_status
keep (training *t, gboolean stopped, df_error *err)
{
  const char *folder = destination_of (t);
  char       *path   = g_build_filename (folder, "checkpoint.safetensors", NULL);
  df_status   status = df_trainer_export (t->trainer, folder, true, true, err);

  if (status != DF_OK && has_earlier (t))
    {
      t->problem     = *err;
      t->unresumable = TRUE;
      status         = DF_OK;
      stopped        = FALSE;
    }
  if (status == DF_OK)
    write_thumbnail (t, folder);
  if (status == DF_OK && stopped && df_trainer_checkpoint (t->trainer, path, &t->problem) != DF_OK)
    t->unresumable = TRUE;
  if (status == DF_OK && !stopped)
    g_remove (path);
  t->kept = status == DF_OK;
  g_free (path);
  return status;
}

/* The loss is no number any more: the weights are still those of the step before. */
static df_status
keep_the_last (training *t, df_error *err)
{
  t->problem     = *err;
  t->unresumable = TRUE;
  return keep (t, FALSE, err);
}

static df_status
learn (job *j, gpointer data, df_error *err)
{
  training  *t      = data;
  df_status  status = df_trainer_new (&t->trainer, t->config, t->data.pictures, t->data.count, NULL, 0,
                                      t->s->resume ? t->folder.checkpoint : NULL, err);
  job_answer answer = JOB_GO_ON;

  sources_clear (&t->data);
  t->next = g_get_monotonic_time () + PREVIEW_SECONDS * G_USEC_PER_SEC;
  while (status == DF_OK && answer == JOB_GO_ON)
    if ((status = df_trainer_step (t->trainer, &t->report, err)) == DF_OK)
      {
        double fraction = (double) t->report.step / (double) t->report.steps;

        look (t, j, fraction);
        answer = job_post (j, fraction);
      }
  if (answer == JOB_CANCEL)
    return DF_CANCELLED;
  if (status == DF_OK || status == DF_DONE)
    status = keep (t, status == DF_OK, err);
  else if (status == DF_ERROR_NUMERIC && t->report.step > 0 && !t->s->resume)
    status = keep_the_last (t, err);
  df_trainer_free (t->trainer);
  t->trainer = NULL;
  return status;
}

/* ------------------------------------------------------------------ on the main thread */

static job_answer
tick (gpointer user, const job_moment *now)
{
  training *t        = user;
  double    fraction = now->fraction, past = (double) (g_get_monotonic_time () - t->started) / G_USEC_PER_SEC;
  int       left     = fraction > 0.01 || past > 5.0 ? (int) (past * (1.0 - fraction) / MAX (fraction, 1e-5)) : -1;

  gimp_progress_update (fraction);
  if (left != t->told && left >= 0)
    gimp_progress_set_text_printf (_("Training %s: %d:%02d left"), t->name, left / 60, left % 60);
  t->told = left;
  return t->watch->show != NULL ? t->watch->show (t->watch->user, now) : JOB_GO_ON;
}

static df_model *
open_base (const char *name, GError **error)
{
  GError   *problem = NULL;
  char     *path    = find_model_path (name, &problem);
  df_model *model   = NULL;
  df_error  err     = { 0 };

  if (path != NULL && df_model_open (&model, path, &err) != DF_OK)
    refuse (&problem, "%s", err.text);
  if (model == NULL)
    refuse (error, _("%s Set base to \"\" to train a new network from nothing."), problem->message);
  g_clear_error (&problem);
  g_free (path);
  return model;
}

/* The name that was asked for, else that of the image's file, else of the layer. */
static char *
settle_name (GimpImage *image, GimpDrawable *drawable, const settings *s)
{
  GFile *file = gimp_image_get_file (image);
  char  *text, *dot, *name;

  if (s->name[0] != '\0' || s->resume)
    return g_strdup (s->name);
  text = file != NULL ? g_file_get_basename (file) : gimp_item_get_name (GIMP_ITEM (drawable));
  dot  = strrchr (text, '.');
  if (dot != NULL && dot != text)
    *dot = '\0';
  name = train_folder_name (text);
  g_free (text);
  return name;
}

/* Channels of the network, and the size in which it shows what it has learned. */
static void
take_shape (training *t, const df_model_info *info, gboolean grey)
{
  t->channels = info != NULL ? info->channels : grey ? 1 : 3;
  t->width    = info == NULL || info->any_size ? PREVIEW_SIDE : info->native_width;
  t->height   = info == NULL || info->any_size ? PREVIEW_SIDE : info->native_height;
}

/* The configuration of the run that was stopped. */
static gboolean
take_stopped (training *t, GError **error)
{
  df_model *model;
  char     *text;
  df_error  err;

  if (df_model_open (&model, t->folder.target, &err) != DF_OK)
    return refuse (error, "%s", err.text);
  take_shape (t, df_model_describe (model), FALSE);
  df_model_close (model);
  if (df_checkpoint_config (t->folder.checkpoint, &text, &err) != DF_OK)
    return refuse (error, "%s", err.text);
  t->config = train_config_cap (text, t->s->memory_mb);
  free (text);
  return TRUE;
}

static gboolean
configure (training *t, const char *picture, GError **error)
{
  const df_model_info *info = t->base != NULL ? df_model_describe (t->base) : NULL;
  char                *description;
  int                  patch;

  patch = train_patch_size (t->s, info, &t->data, error);
  if (patch == 0)
    return FALSE;
  description = g_strdup_printf (_("Learned from %s."), picture);
  t->config   = train_config (t->s, info, patch, t->channels, t->name, description);
  g_free (description);
  return TRUE;
}

static gboolean
prepare (training *t, GimpImage *image, GimpDrawable **drawables, GError **error)
{
  gboolean grey = gimp_image_get_base_type (image) == GIMP_GRAY, fine;
  char    *picture;

  if (t->s->resume)
    {
      if (!take_stopped (t, error))
        return FALSE;
      t->data = sources_read (drawables, t->channels, t->s->exclude_selection);
      return TRUE;
    }
  if (t->s->base[0] != '\0' && (t->base = open_base (t->s->base, error)) == NULL)
    return FALSE;
  take_shape (t, t->base != NULL ? df_model_describe (t->base) : NULL, grey);
  t->data = sources_read (drawables, t->channels, t->s->exclude_selection);
  picture = gimp_image_get_name (image);
  fine    = configure (t, picture, error);
  g_free (picture);
  return fine;
}

static gboolean
compute (training *t, GimpPDBStatusType *status, GError **error)
{
  float    *preview = NULL;
  df_status result;
  df_error  err;

  gimp_progress_init_printf (_("Training %s"), t->name);
  if (t->watch->show != NULL)
    {
      t->watch->open (t->watch->user, &(job_view) { t->name, t->width, t->height, t->channels, NULL });
      preview = g_new (float, (gsize) t->width * t->height * t->channels);
    }
  t->started = g_get_monotonic_time ();
  t->told    = -1;
  result     = job_do (learn, t, tick, t, preview, &err);
  df_trainer_free (t->trainer);
  gimp_progress_end ();
  g_free (preview);
  if (result == DF_OK || (result == DF_CANCELLED && t->kept))
    return TRUE;
  *status = result == DF_CANCELLED ? GIMP_PDB_CANCEL
            : result == DF_ERROR_ARGUMENT || result == DF_ERROR_CAP ? GIMP_PDB_CALLING_ERROR : GIMP_PDB_EXECUTION_ERROR;
  return result == DF_CANCELLED ? FALSE : refuse (error, "%s", err.text);
}

gboolean
train_check (GimpImage *image, GimpDrawable **drawables, settings *s, GError **error)
{
  gboolean fine = check_image (image, error) && check_sources (drawables, error) &&
                  check_large_enough (drawables, error) && check_training (s, error);

  if (fine)
    {
      char *name = settle_name (image, drawables[0], s);

      fine = train_folder_check (name, s->resume, error);
      g_free (name);
    }
  return fine;
}

char *
run_train (GimpImage *image, GimpDrawable **drawables, settings *s, const job_watch *watch, GimpPDBStatusType *status,
           GError **error)
{
  training t    = { .s = s, .watch = watch };
  gboolean fine;

  *status = GIMP_PDB_CALLING_ERROR;
  if (!train_check (image, drawables, s, error))
    return NULL;
  t.name = settle_name (image, drawables[0], s);
  fine   = train_folder_open (&t.folder, t.name, error) && prepare (&t, image, drawables, error) &&
           compute (&t, status, error);
  if (fine && !s->resume)
    {
      *status = GIMP_PDB_EXECUTION_ERROR;
      fine    = train_folder_publish (&t.folder, &t.name, error);
    }
  train_folder_close (&t.folder);
  sources_clear (&t.data);
  df_model_close (t.base);
  g_free (t.config);
  if (fine && t.unresumable)
    g_message (_("The model \"%s\" is kept, but its training cannot be gone on with: %s"), t.name, t.problem.text);
  if (!fine)
    g_clear_pointer (&t.name, g_free);
  return t.name;
}
