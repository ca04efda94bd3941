/* SPDX-License-Identifier: GPL-3.0-or-later */
/* train: a folder of pictures (class = subfolder) to a model folder. A run that is stopped by SIGINT or SIGTERM writes
 * checkpoint and model first; --resume goes on from the checkpoint as if nothing had happened. */
#include "cli.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <signal.h>
#include <string.h>
#include <yyjson.h>

static volatile sig_atomic_t stop;

static void
on_signal (int number)
{
  (void) number;
  stop = 1;
}

typedef struct data_set
{
  GArray    *pictures;     /* df_picture  */
  GPtrArray *classes;      /* char *      */
  GPtrArray *pixbufs;
} data_set;

/* ------------------------------------------------------------------ pictures */

static int
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static GPtrArray *
sorted_names (const char *folder)
{
  GPtrArray  *names = g_ptr_array_new_with_free_func (g_free);
  GDir       *dir   = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (name[0] != '.')
      g_ptr_array_add (names, g_strdup (name));
  if (dir != NULL)
    g_dir_close (dir);
  g_ptr_array_sort (names, by_name);
  return names;
}

/* Channel c of a model's picture for one pixel: a grey model takes the luma (BT.709) of a colour. */
static guint8
channel_of (const guint8 *pixel, int have, int channels, int c)
{
  if (channels == 1)
    return (guint8) ((2126 * pixel[0] + 7152 * pixel[1] + 722 * pixel[2] + 5000) / 10000);
  return c < have ? pixel[c] : 255;
}

/* Rows of a pixbuf (always RGB or RGBA) packed without gaps, alpha dropped unless asked for. */
static guint8 *
packed_pixels (const GdkPixbuf *pixbuf, int channels)
{
  int           width = gdk_pixbuf_get_width (pixbuf), height = gdk_pixbuf_get_height (pixbuf);
  int           have = gdk_pixbuf_get_n_channels (pixbuf), stride = gdk_pixbuf_get_rowstride (pixbuf);
  const guint8 *from = gdk_pixbuf_read_pixels (pixbuf);
  guint8       *out  = g_malloc ((gsize) width * height * channels);

  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      for (int c = 0; c < channels; c++)
        out[((gsize) y * width + x) * channels + c] =
          channel_of (from + (gsize) y * stride + (gsize) x * have, have, channels, c);
  return out;
}

static void
add_file (data_set *set, const char *path, int label, int channels)
{
  GError    *error  = NULL;
  GdkPixbuf *pixbuf = gdk_pixbuf_new_from_file (path, &error);
  df_picture p      = { .channels = channels, .label = label };

  if (pixbuf == NULL)
    {
      g_printerr ("diffusion-cli: skipped %s: %s\n", path, error->message);
      g_error_free (error);
      return;
    }
  p.width  = gdk_pixbuf_get_width (pixbuf);
  p.height = gdk_pixbuf_get_height (pixbuf);
  if (p.width < 16 || p.height < 16)
    g_printerr ("diffusion-cli: skipped %s: %d × %d is too small (16 × 16 at least)\n", path, p.width, p.height);
  else if ((gsize) p.width * p.height > 100000000)
    g_printerr ("diffusion-cli: skipped %s: more than 100 megapixels; reduce it first\n", path);
  else
    {
      guint8 *pixels = packed_pixels (pixbuf, channels);

      p.pixels = pixels;
      g_ptr_array_add (set->pixbufs, pixels);
      g_array_append_val (set->pictures, p);
    }
  g_object_unref (pixbuf);
}

static void
add_folder (data_set *set, const char *folder, int label, int channels)
{
  GPtrArray *names = sorted_names (folder);

  for (guint i = 0; i < names->len; i++)
    {
      char *path = g_build_filename (folder, names->pdata[i], NULL);

      if (g_file_test (path, G_FILE_TEST_IS_REGULAR) && !g_str_has_suffix (path, ".tsv") &&
          !g_str_has_suffix (path, ".txt"))
        add_file (set, path, label, channels);
      g_free (path);
    }
  g_ptr_array_unref (names);
}

static data_set
read_data (const char *folder, int channels)
{
  data_set   set   = { g_array_new (FALSE, FALSE, sizeof (df_picture)), g_ptr_array_new_with_free_func (g_free),
                       g_ptr_array_new_with_free_func (g_free) };
  GPtrArray *names = sorted_names (folder);

  for (guint i = 0; i < names->len; i++)
    {
      char *path = g_build_filename (folder, names->pdata[i], NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        {
          guint before = set.pictures->len;

          add_folder (&set, path, (int) set.classes->len, channels);
          if (set.pictures->len > before)
            g_ptr_array_add (set.classes, g_strdup (names->pdata[i]));
        }
      g_free (path);
    }
  if (set.classes->len == 0)
    add_folder (&set, folder, -1, channels);
  g_ptr_array_unref (names);
  return set;
}

static void
data_clear (data_set *set)
{
  g_array_unref (set->pictures);
  g_ptr_array_unref (set->classes);
  g_ptr_array_unref (set->pixbufs);
}

/* ------------------------------------------------------------------ configuration */

/* The configuration file with --minutes put in; g_free. NULL: told. */
static char *
config_text (const cli_options *o, int *channels)
{
  char           *text  = NULL, *merged;
  GError         *error = NULL;
  yyjson_doc     *doc;
  yyjson_mut_doc *mut;
  yyjson_val     *in;

  if (o->config != NULL && !g_file_get_contents (o->config, &text, NULL, &error))
    {
      cli_fail ("%s", error->message);
      g_error_free (error);
      return NULL;
    }
  if (text == NULL)
    text = g_strdup ("{}");
  doc = yyjson_read (text, strlen (text), 0);
  if (!yyjson_is_obj (yyjson_doc_get_root (doc)))
    {
      cli_fail ("%s is not a JSON object.", o->config);
      yyjson_doc_free (doc);
      g_free (text);
      return NULL;
    }
  in  = yyjson_obj_get (yyjson_obj_get (yyjson_doc_get_root (doc), "unet"), "in_channels");
  *channels = in != NULL ? yyjson_get_int (in) : 3;
  if (*channels != 1 && *channels != 3 && *channels != 4)
    {
      cli_fail ("%s: unet.in_channels must be 1, 3 or 4.", o->config);
      yyjson_doc_free (doc);
      g_free (text);
      return NULL;
    }
  mut = yyjson_doc_mut_copy (doc, NULL);
  if (o->minutes > 0)
    {
      yyjson_mut_obj_put (yyjson_mut_doc_get_root (mut), yyjson_mut_str (mut, "minutes"), yyjson_mut_real (mut, o->minutes));
      yyjson_mut_obj_put (yyjson_mut_doc_get_root (mut), yyjson_mut_str (mut, "steps"), yyjson_mut_int (mut, 0));
    }
  if (o->threads > 0)
    yyjson_mut_obj_put (yyjson_mut_doc_get_root (mut), yyjson_mut_str (mut, "threads"), yyjson_mut_int (mut, o->threads));
  merged = yyjson_mut_write (mut, 0, NULL);
  yyjson_doc_free (doc);
  yyjson_mut_doc_free (mut);
  g_free (text);
  text = g_strdup (merged);
  free (merged);
  return text;
}

/* ------------------------------------------------------------------ running */

static int
run_trainer (const cli_options *o, df_trainer *trainer, const char *checkpoint)
{
  gint64          shown = 0, saved = g_get_monotonic_time ();
  df_train_report r     = { 0 };
  df_error        err;
  df_status       status = DF_OK;

  while (!stop && (status = df_trainer_step (trainer, &r, &err)) == DF_OK)
    {
      gint64 now = g_get_monotonic_time ();

      if (now - shown >= 1000000)
        {
          g_print ("step %ld of %ld, loss %.4f (mean %.4f), %.1f samples/s, %.0f s left\n", r.step, r.steps, r.loss,
                   r.loss_mean, r.samples_per_second, r.seconds_left);
          shown = now;
        }
      if ((double) (now - saved) >= 60e6 * o->checkpoint_minutes)
        {
          if (df_trainer_checkpoint (trainer, checkpoint, &err) != DF_OK)
            g_printerr ("diffusion-cli: %s Training goes on.\n", err.text);
          saved = now;
        }
    }
  if (status != DF_OK && status != DF_DONE)
    return cli_fail ("%s", err.text);
  if (df_trainer_checkpoint (trainer, checkpoint, &err) != DF_OK ||
      df_trainer_export (trainer, o->output, true, true, &err) != DF_OK)
    return cli_fail ("%s", err.text);
  g_print ("%s after step %ld; the model is in %s\n", stop ? "stopped" : "done", r.step, o->output);
  return 0;
}

static int
train (const cli_options *o)
{
  int         channels, result = 1;
  char       *config     = config_text (o, &channels);
  char       *checkpoint = o->checkpoint != NULL ? g_strdup (o->checkpoint)
                                                 : g_build_filename (o->output, "checkpoint.safetensors", NULL);
  data_set    set;
  df_trainer *trainer;
  df_error    err;

  if (config != NULL)
    {
      set = read_data (o->data, channels);
      g_print ("%u pictures, %u classes\n", set.pictures->len, set.classes->len);
      if (set.pictures->len == 0)
        cli_fail ("%s holds no picture that can be read.", o->data);
      else if (o->resume && !g_file_test (checkpoint, G_FILE_TEST_IS_REGULAR))
        cli_fail ("There is no checkpoint %s to resume from.", checkpoint);
      else if (g_mkdir_with_parents (o->output, 0755) != 0)
        cli_fail ("Cannot make the folder %s.", o->output);
      else if (df_trainer_new (&trainer, config, (const df_picture *) (void *) set.pictures->data, set.pictures->len,
                               (const char *const *) set.classes->pdata, set.classes->len,
                               o->resume ? checkpoint : NULL, &err) != DF_OK)
        cli_fail ("%s", err.text);
      else
        {
          result = run_trainer (o, trainer, checkpoint);
          df_trainer_free (trainer);
        }
      data_clear (&set);
    }
  g_free (config);
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
  if (cli_parse (&o, "train", "--data DIR [--config FILE] -o DIR [--resume] [--minutes M]", argc, argv, 0, 0))
    {
      if (o.data == NULL || o.output == NULL)
        status = cli_usage ("train needs --data DIR and -o DIR.");
      else
        status = train (&o);
    }
  cli_options_clear (&o);
  return status;
}
