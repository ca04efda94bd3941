/* SPDX-License-Identifier: GPL-3.0-or-later */
/* train: a folder of pictures (class = subfolder) to a model folder. A run that is stopped by SIGINT or SIGTERM writes
 * checkpoint and model first; --resume goes on from the checkpoint as if nothing had happened. */
#include "cli.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

static volatile sig_atomic_t stop;

static void
on_signal (int number)
{
  (void) number;
  stop = 1;
}

/* ------------------------------------------------------------------ configuration */

/* The text of the configuration file, else of the run that is resumed, else {}; g_free. NULL: told. */
static char *
given_text (const cli_options *o, const char *checkpoint)
{
  char    *text  = NULL, *copy;
  GError  *error = NULL;
  df_error err;

  if (o->config != NULL && !g_file_get_contents (o->config, &text, NULL, &error))
    {
      cli_fail ("%s", error->message);
      g_error_free (error);
      return NULL;
    }
  if (o->config != NULL || !o->resume)
    return text != NULL ? text : g_strdup ("{}");
  if (df_checkpoint_config (checkpoint, &text, &err) != DF_OK)
    {
      cli_fail ("%s", err.text);
      return NULL;
    }
  copy = g_strdup (text);
  free (text);
  return copy;
}

/* Channels of the pictures: those of the configured network, else of the base, else 3. FALSE: told. */
static gboolean
find_channels (yyjson_mut_val *root, const char *where, int *channels)
{
  yyjson_mut_val *in   = yyjson_mut_obj_get (yyjson_mut_obj_get (root, "unet"), "in_channels");
  const char     *base = yyjson_mut_get_str (yyjson_mut_obj_get (root, "base"));
  df_model       *model;
  df_error        err;

  *channels = in != NULL ? yyjson_mut_get_int (in) : 3;
  if (in == NULL && base != NULL && base[0] != '\0')
    {
      if (df_model_open (&model, base, &err) != DF_OK)
        return cli_fail ("%s", err.text) == 0;
      *channels = df_model_describe (model)->channels;
      df_model_close (model);
    }
  if (*channels != 1 && *channels != 3 && *channels != 4)
    return cli_fail ("%s: unet.in_channels must be 1, 3 or 4.", where) == 0;
  return TRUE;
}

/* The configuration with the options put in; g_free. NULL: told. */
static char *
config_text (const cli_options *o, const char *checkpoint, int *channels)
{
  char           *text = given_text (o, checkpoint), *merged = NULL, *copy;
  yyjson_doc     *doc  = text != NULL ? yyjson_read (text, strlen (text), 0) : NULL;
  yyjson_mut_doc *mut  = doc != NULL ? yyjson_doc_mut_copy (doc, NULL) : NULL;
  yyjson_mut_val *root = yyjson_mut_doc_get_root (mut);

  if (text != NULL && !yyjson_mut_is_obj (root))
    cli_fail ("%s is not a JSON object.", o->config);
  else if (text != NULL)
    {
      if (o->minutes > 0)
        {
          yyjson_mut_obj_put (root, yyjson_mut_str (mut, "minutes"), yyjson_mut_real (mut, o->minutes));
          yyjson_mut_obj_put (root, yyjson_mut_str (mut, "steps"), yyjson_mut_int (mut, 0));
        }
      if (o->threads > 0)
        yyjson_mut_obj_put (root, yyjson_mut_str (mut, "threads"), yyjson_mut_int (mut, o->threads));
      if (o->memory > 0)
        yyjson_mut_obj_put (root, yyjson_mut_str (mut, "memory_mb"), yyjson_mut_int (mut, o->memory));
      if (o->base != NULL)
        yyjson_mut_obj_put (root, yyjson_mut_str (mut, "base"), yyjson_mut_str (mut, o->base));
      if (find_channels (root, o->config, channels))
        merged = yyjson_mut_write (mut, 0, NULL);
    }
  yyjson_doc_free (doc);
  yyjson_mut_doc_free (mut);
  g_free (text);
  copy = g_strdup (merged);
  free (merged);
  return copy;
}

/* ------------------------------------------------------------------ running */

/* What a killed run left half written. */
static void
remove_parts (const char *checkpoint)
{
  char       *folder = g_path_get_dirname (checkpoint), *name = g_path_get_basename (checkpoint);
  char       *start  = g_strconcat (name, ".part-", NULL);
  GDir       *dir    = g_dir_open (folder, 0, NULL);
  const char *entry;

  while (dir != NULL && (entry = g_dir_read_name (dir)) != NULL)
    if (g_str_has_prefix (entry, start))
      {
        char *path = g_build_filename (folder, entry, NULL);

        g_unlink (path);
        g_free (path);
      }
  if (dir != NULL)
    g_dir_close (dir);
  g_free (start);
  g_free (name);
  g_free (folder);
}

/* OUT/config.json: the whole configuration, which makes the same run again. FALSE: told. */
static gboolean
write_config (const cli_options *o, const df_trainer *trainer)
{
  char    *path = g_build_filename (o->output, "config.json", NULL), *text = df_trainer_config_text (trainer);
  GError  *error = NULL;
  gboolean fine = text != NULL && g_file_set_contents (path, text, -1, &error);

  if (!fine)
    cli_fail ("%s", error != NULL ? error->message : "Out of memory for the configuration.");
  g_clear_error (&error);
  free (text);
  g_free (path);
  return fine;
}

/* The model as it is now, and what it draws. */
static void
write_grid (const cli_options *o, const df_trainer *trainer, long step)
{
  char    *name = g_strdup_printf ("%s/grid-%06ld.png", o->output, step);
  df_error err;

  if (df_trainer_export (trainer, o->output, !o->no_ema, true, &err) != DF_OK)
    g_printerr ("diffusion-cli: %s Training goes on.\n", err.text);
  else if (cli_grid (o->output, name, o->threads))
    g_print ("%s\n", name);
  g_free (name);
}

/* What is to be done beside training, and when it was done last. */
typedef struct watch
{
  const cli_options *o;
  df_trainer        *trainer;
  const char        *checkpoint;
  gint64             shown, saved, drawn;      /* g_get_monotonic_time () */
} watch;

static void
look_in (watch *w, const df_train_report *r)
{
  gint64   now = g_get_monotonic_time ();
  df_error err;

  if (now - w->shown >= 1000000)
    {
      g_print ("step %ld of %ld, loss %.4f (mean %.4f), %.1f samples/s, %.0f s left\n", r->step, r->steps, r->loss,
               r->loss_mean, r->samples_per_second, r->seconds_left);
      w->shown = now;
    }
  if ((double) (now - w->saved) >= 60e6 * w->o->checkpoint_minutes)
    {
      if (df_trainer_checkpoint (w->trainer, w->checkpoint, &err) != DF_OK)
        g_printerr ("diffusion-cli: %s Training goes on.\n", err.text);
      w->saved = g_get_monotonic_time ();
    }
  if (w->o->grid > 0 && (double) (now - w->drawn) >= 60e6 * w->o->grid)
    {
      write_grid (w->o, w->trainer, r->step);
      w->drawn = g_get_monotonic_time ();
    }
}

static int
run_trainer (const cli_options *o, df_trainer *trainer, const char *checkpoint)
{
  gint64          now    = g_get_monotonic_time ();
  watch           w      = { o, trainer, checkpoint, 0, now, now };
  df_train_report r      = { 0 };
  df_status       status = DF_OK, kept, made;
  df_error        err, problem;

  while (!stop && (status = df_trainer_step (trainer, &r, &err)) == DF_OK)
    look_in (&w, &r);
  if (status != DF_OK && status != DF_DONE)
    return cli_fail ("%s", err.text);
  kept = df_trainer_checkpoint (trainer, checkpoint, &err);
  made = df_trainer_export (trainer, o->output, !o->no_ema, true, &problem);     /* smaller: it may fit where that did not */
  if (kept != DF_OK)
    cli_fail ("%s", err.text);
  if (made != DF_OK)
    cli_fail ("%s", problem.text);
  if (made == DF_OK)
    g_print ("%s after step %ld; the model is in %s\n", stop ? "stopped" : "done", r.step, o->output);
  return kept == DF_OK && made == DF_OK ? 0 : 1;
}

static int
train_on (const cli_options *o, const cli_data *set, const char *config, const char *checkpoint)
{
  df_trainer *trainer;
  df_error    err;
  int         result = 1;

  if (set->pictures->len == 0)
    return cli_fail ("%s holds no picture that can be read.", o->data);
  if (g_mkdir_with_parents (o->output, 0755) != 0)
    return cli_fail ("Cannot make the folder %s.", o->output);
  if (df_trainer_new (&trainer, config, (const df_picture *) (void *) set->pictures->data, set->pictures->len,
                      (const char *const *) set->classes->pdata, set->classes->len, o->resume ? checkpoint : NULL,
                      &err) != DF_OK)
    return cli_fail ("%s", err.text);
  g_print ("%.0f MB of memory\n", 1e-6 * (double) df_trainer_bytes (trainer));
  remove_parts (checkpoint);
  if (write_config (o, trainer))
    result = run_trainer (o, trainer, checkpoint);
  df_trainer_free (trainer);
  return result;
}

static int
train (const cli_options *o)
{
  int      channels = 3, result = 1;
  char    *checkpoint = o->checkpoint != NULL ? g_strdup (o->checkpoint)
                                              : g_build_filename (o->output, "checkpoint.safetensors", NULL);
  char    *config;
  cli_data set;

  if (o->resume && !g_file_test (checkpoint, G_FILE_TEST_IS_REGULAR))
    cli_fail ("There is no checkpoint %s to resume from.", checkpoint);
  else if ((config = config_text (o, checkpoint, &channels)) != NULL)
    {
      set = cli_data_read (o->data, channels);
      g_print ("%u pictures, %u classes\n", set.pictures->len, set.classes->len);
      result = train_on (o, &set, config, checkpoint);
      cli_data_clear (&set);
      g_free (config);
    }
  g_free (checkpoint);
  return result;
}

int
cli_train (int argc, char **argv)
{
  cli_options o;
  int         status = 2;

  signal (SIGINT, on_signal);
  signal (SIGTERM, on_signal);
  signal (SIGXFSZ, SIG_IGN);     /* a file that may not grow is an error like a full disk */
  if (cli_parse (&o, "train", "--data DIR [--config FILE] [--base MODEL] -o DIR [--resume] [--no-ema] [--minutes M] "
                 "[--memory MB] [--grid M]", argc, argv, 0, 0))
    {
      if (o.data == NULL || o.output == NULL)
        status = cli_usage ("train needs --data DIR and -o DIR.");
      else
        status = train (&o);
    }
  cli_options_clear (&o);
  return status;
}
