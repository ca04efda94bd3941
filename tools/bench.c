/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench: time of a network evaluation or of a training step: median and minimum, FLOP/s, peak memory, and per operation.
 * With --serve it answers requests, so that two programs can be measured in turn (tests/bench/run.py). */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yyjson.h>

enum { MIN_RUNS = 5, MAX_RUNS = 200 };

static int
by_value (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

static int
by_seconds (const void *a, const void *b)
{
  double x = ((const df_profile_row *) a)->seconds, y = ((const df_profile_row *) b)->seconds;

  return x > y ? -1 : x < y;
}

static void
print_profile (const df_session *session, int runs)
{
  size_t          n    = df_profile_rows (session, NULL, 0);
  df_profile_row *rows = g_new0 (df_profile_row, n);

  df_profile_rows (session, rows, n);
  qsort (rows, n, sizeof *rows, by_seconds);
  g_print ("%9s %8s %8s  operation\n", "ms", "GFLOP/s", "GB/s");
  for (size_t i = 0; i < n; i++)
    g_print ("%9.3f %8.1f %8.2f  %s\n", 1e3 * rows[i].seconds / runs, rows[i].flops * runs / rows[i].seconds * 1e-9,
             rows[i].bytes * runs / rows[i].seconds * 1e-9, rows[i].name);
  g_free (rows);
}

/* What is timed: evaluations of a session, or steps of a trainer where there is one. */
typedef struct subject
{
  df_session *session;
  float      *x, *y;
  double     *t;
  df_trainer *trainer;
} subject;

static df_status
run_once (subject *s, df_error *err)
{
  df_train_report report;

  return s->trainer != NULL ? df_trainer_step (s->trainer, &report, err)
                            : df_predict (s->session, s->x, s->t, NULL, s->y, err);
}

/* Runs until two seconds are over, at least MIN_RUNS times. Returns the number, 0 on failure. */
static int
time_runs (subject *s, double *seconds, df_error *err)
{
  gint64 start = g_get_monotonic_time ();
  int    runs  = 0;

  while (runs < MIN_RUNS || (runs < MAX_RUNS && g_get_monotonic_time () - start < 2000000))
    {
      gint64 before = g_get_monotonic_time ();

      if (run_once (s, err) != DF_OK)
        return 0;
      seconds[runs++] = 1e-6 * (double) (g_get_monotonic_time () - before);
    }
  return runs;
}

/* Resident size in MB, now ("VmRSS:") or at its highest ("VmHWM:"); not getrusage's, which begins with that of the program
 * that started this one. */
static double
resident_mb (const char *which)
{
  char  *text = NULL, *line;
  double kb   = 0;

  if (g_file_get_contents ("/proc/self/status", &text, NULL, NULL) && (line = strstr (text, which)) != NULL)
    kb = g_ascii_strtod (line + strlen (which), NULL);
  g_free (text);
  return kb * 1024e-6;
}

static double
peak_mb (void)
{
  return resident_mb ("VmHWM:");
}

/* ------------------------------------------------------------------ serving */

static void
answer (yyjson_mut_doc *doc)
{
  char *text = yyjson_mut_write (doc, 0, NULL);

  puts (text);
  fflush (stdout);
  free (text);
  yyjson_mut_doc_free (doc);
}

static yyjson_mut_doc *
new_answer (yyjson_mut_val **root)
{
  yyjson_mut_doc *doc = yyjson_mut_doc_new (NULL);

  *root = yyjson_mut_obj (doc);
  yyjson_mut_doc_set_root (doc, *root);
  return doc;
}

/* One line "run N" on stdin gives one line of JSON: the milliseconds of N runs, of processor time and of each. */
static int
serve (subject *s, gint64 started)
{
  yyjson_mut_val *root, *list;
  yyjson_mut_doc *doc = new_answer (&root);
  char            line[64];
  int             n;
  df_error        err;

  yyjson_mut_obj_add_str (doc, root, "version", DF_VERSION);
  yyjson_mut_obj_add_real (doc, root, "start_ms", 1e-3 * (double) (g_get_monotonic_time () - started));
  answer (doc);
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      clock_t cpu = clock ();

      if (sscanf (line, "run %d", &n) != 1)
        return cli_fail ("bench --serve takes lines such as \"run 10\".");
      doc  = new_answer (&root);
      list = yyjson_mut_obj_add_arr (doc, root, "ms");
      for (int i = 0; i < n; i++)
        {
          gint64 before = g_get_monotonic_time ();

          if (run_once (s, &err) != DF_OK)
            {
              yyjson_mut_doc_free (doc);
              return cli_fail ("%s", err.text);
            }
          yyjson_mut_arr_add_real (doc, list, 1e-3 * (double) (g_get_monotonic_time () - before));
        }
      yyjson_mut_obj_add_real (doc, root, "cpu_ms", 1e3 * (double) (clock () - cpu) / CLOCKS_PER_SEC);
      yyjson_mut_obj_add_real (doc, root, "rss_mb", peak_mb ());
      answer (doc);
    }
  return 0;
}

/* ------------------------------------------------------------------ what is measured */

static int
report (const cli_options *o, subject *s, const char *what, double flops, double planned, double before)
{
  double   seconds[MAX_RUNS], rate;
  df_error err;
  int      runs;

  if (o->profile && s->session != NULL)
    df_profile_start (s->session);
  runs = time_runs (s, seconds, &err);
  if (runs == 0)
    return cli_fail ("%s", err.text);
  qsort (seconds, (size_t) runs, sizeof *seconds, by_value);
  g_print ("%s: median %.2f ms, minimum %.2f ms over %d runs; ", what, 1e3 * seconds[runs / 2], 1e3 * seconds[0], runs);
  rate = 1 / seconds[runs / 2];
  if (s->trainer != NULL)
    g_print ("%.2f pictures/s", rate * o->batch);
  else
    g_print ("%.1f GFLOP/s", 1e-9 * flops * rate);
  g_print ("; planned %.1f MB, took %.1f MB, peak %.0f MB\n", 1e-6 * planned, peak_mb () - before, peak_mb ());
  if (o->profile && s->session != NULL)
    print_profile (s->session, runs);
  return 0;
}

/* The first run is not timed: it warms up, and ends what counts as starting. before: resident MB before the subject was. */
static int
measure (const cli_options *o, subject *s, const df_request *r, double flops, double planned, double before, gint64 started)
{
  char    *what;
  int      status;
  df_error err;

  if (run_once (s, &err) != DF_OK)
    return cli_fail ("%s", err.text);
  if (o->serve)
    return serve (s, started);
  what   = g_strdup_printf ("%s%d × %d, batch %d", s->trainer != NULL ? "training, " : "", r->width, r->height, o->batch);
  status = report (o, s, what, flops, planned, before);
  g_free (what);
  return status;
}

static int
bench_session (const cli_options *o, const df_model *model, df_request *r, gint64 started)
{
  df_forecast f;
  df_error    err;
  subject     s = { 0 };
  double      before;
  gsize       n;
  int         status;

  r->batch    = o->batch;
  r->guidance = 1.0;
  n   = (gsize) r->batch * r->width * r->height * df_model_describe (model)->channels;
  s.x = g_new (float, 2 * n);
  s.y = s.x + n;
  s.t = g_new (double, r->batch);
  for (gsize i = 0; i < n; i++)
    s.x[i] = s.y[i] = (float) ((i * 7919) % 2001) / 1000.0f - 1.0f;
  for (int i = 0; i < r->batch; i++)
    s.t[i] = 10;
  before = resident_mb ("VmRSS:");
  if (df_forecast_run (model, r, &f, &err) == DF_OK && df_session_new (&s.session, model, r, &err) == DF_OK)
    status = measure (o, &s, r, f.flops_per_step, (double) f.bytes, before, started);
  else
    status = err.status == DF_ERROR_ARGUMENT ? cli_usage ("%s", err.text) : cli_fail ("%s", err.text);
  df_session_free (s.session);
  g_free (s.x);
  g_free (s.t);
  return status;
}

/* The training configuration of the model's own network, its classes aside, at one size and batch, without end; free (). */
static char *
training_config (const cli_options *o, int size)
{
  char           *path = g_build_filename (o->words[0], "unet", "config.json", NULL), *text;
  yyjson_doc     *unet = yyjson_read_file (path, 0, NULL, NULL);
  yyjson_mut_val *root, *phase, *network;
  yyjson_mut_doc *doc = new_answer (&root);

  network = yyjson_val_mut_copy (doc, yyjson_doc_get_root (unet));
  yyjson_mut_obj_remove_key (network, "num_class_embeds");
  yyjson_mut_obj_add_val (doc, root, "unet", network);
  phase = yyjson_mut_arr_add_obj (doc, yyjson_mut_obj_add_arr (doc, root, "phases"));
  yyjson_mut_obj_add_int (doc, phase, "size", size);
  yyjson_mut_obj_add_int (doc, phase, "batch", o->batch);
  yyjson_mut_obj_add_int (doc, phase, "share", 1);
  yyjson_mut_obj_add_int (doc, root, "steps", 1000000000);
  yyjson_mut_obj_add_int (doc, root, "threads", MAX (o->threads, 0));
  yyjson_mut_obj_add_int (doc, root, "memory_mb", o->memory);
  text = yyjson_mut_write (doc, 0, NULL);
  yyjson_mut_doc_free (doc);
  yyjson_doc_free (unet);
  g_free (path);
  return text;
}

static int
bench_training (const cli_options *o, const df_model *model, const df_request *r, gint64 started)
{
  const df_model_info *info   = df_model_describe (model);
  char                *config;
  guint8              *pixels;
  df_picture           picture = { .width = r->width, .height = r->width, .channels = info->channels, .label = -1 };
  subject              s       = { 0 };
  df_error             err;
  gsize                n       = (gsize) r->width * r->width * info->channels;
  double               before;
  int                  status;

  if (o->profile || r->width != r->height)
    return cli_usage ("bench --training needs a square --size, and knows no --profile.");
  config = training_config (o, r->width);
  pixels = g_new (guint8, n);
  for (gsize i = 0; i < n; i++)
    pixels[i] = (guint8) ((i * 7919) % 251);
  picture.pixels = pixels;
  before         = resident_mb ("VmRSS:");
  if (df_trainer_new (&s.trainer, config, &picture, 1, NULL, 0, NULL, &err) == DF_OK)
    status = measure (o, &s, r, 0, (double) df_trainer_bytes (s.trainer), before, started);
  else
    status = err.status == DF_ERROR_ARGUMENT ? cli_usage ("%s", err.text) : cli_fail ("%s", err.text);
  df_trainer_free (s.trainer);
  g_free (pixels);
  free (config);
  return status;
}

int
cli_bench (int argc, char **argv)
{
  cli_options o;
  df_request  r;
  df_model   *model   = NULL;
  int         status  = 2;
  gint64      started = g_get_monotonic_time ();

  if (cli_parse (&o, "bench", "MODEL [--batch N] [--size WxH] [--training] [--profile]", argc, argv, 1, 0))
    {
      model = cli_open_model (&o);
      if (model != NULL)
        cli_any_class (&o, model);
      else
        status = 1;
      if (model != NULL && cli_request (&o, model, FALSE, &r, &status))
        {
          status = o.training ? bench_training (&o, model, &r, started) : bench_session (&o, model, &r, started);
          cli_request_clear (&r);
        }
    }
  df_model_close (model);
  cli_options_clear (&o);
  return status;
}
