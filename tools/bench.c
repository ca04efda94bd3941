/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench: time of a network evaluation: median and minimum, FLOP/s, peak memory, and per operation. */
#include "cli.h"

#include <stdlib.h>
#include <sys/resource.h>

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

/* Evaluates until two seconds are over, at least MIN_RUNS times. Returns the number, 0 on failure. */
static int
time_runs (df_session *session, float *x, float *y, const double *t, gboolean profile, double *seconds, df_error *err)
{
  gint64 start = g_get_monotonic_time ();
  int    runs  = 0;

  if (df_predict (session, x, t, NULL, y, err) != DF_OK)    /* warm */
    return 0;
  if (profile)
    df_profile_start (session);
  while (runs < MIN_RUNS || (runs < MAX_RUNS && g_get_monotonic_time () - start < 2000000))
    {
      gint64 before = g_get_monotonic_time ();

      if (df_predict (session, x, t, NULL, y, err) != DF_OK)
        return 0;
      seconds[runs++] = 1e-6 * (double) (g_get_monotonic_time () - before);
    }
  return runs;
}

static int
bench (const cli_options *o, const df_model *model)
{
  df_request    r;
  df_session   *session;
  df_forecast   f;
  df_error      err;
  struct rusage usage;
  double        seconds[MAX_RUNS], *t;
  gsize         n;
  float        *x;
  int           runs, status;

  if (!cli_request (o, model, FALSE, &r, &status))
    return status;
  r.batch    = o->batch;
  r.guidance = 1.0;
  if (df_forecast_run (model, &r, &f, &err) != DF_OK || df_session_new (&session, model, &r, &err) != DF_OK)
    return err.status == DF_ERROR_ARGUMENT ? cli_usage ("%s", err.text) : cli_fail ("%s", err.text);
  n = (gsize) r.batch * r.width * r.height * df_model_describe (model)->channels;
  x = g_new (float, 2 * n);
  t = g_new (double, r.batch);
  for (gsize i = 0; i < n; i++)
    x[i] = (float) ((i * 7919) % 2001) / 1000.0f - 1.0f;
  for (int i = 0; i < r.batch; i++)
    t[i] = 10;
  runs = time_runs (session, x, x + n, t, o->profile, seconds, &err);
  if (runs > 0)
    {
      qsort (seconds, (size_t) runs, sizeof *seconds, by_value);
      getrusage (RUSAGE_SELF, &usage);
      g_print ("%d × %d, batch %d: median %.2f ms, minimum %.2f ms over %d runs; %.1f GFLOP/s; planned %.0f MB, peak "
               "%.0f MB\n", r.width, r.height, r.batch, 1e3 * seconds[runs / 2], 1e3 * seconds[0], runs,
               f.flops_per_step / seconds[runs / 2] * 1e-9, (double) f.bytes / 1e6, (double) usage.ru_maxrss / 1e3);
      if (o->profile)
        print_profile (session, runs);
    }
  df_session_free (session);
  g_free (x);
  g_free (t);
  cli_request_clear (&r);
  return runs > 0 ? 0 : cli_fail ("%s", err.text);
}

int
cli_bench (int argc, char **argv)
{
  cli_options o;
  df_model   *model  = NULL;
  int         status = 2;

  if (cli_parse (&o, "bench", "MODEL [--batch N] [--size WxH] [--profile]", argc, argv, 1, 0))
    {
      model = cli_open_model (&o);
      if (model != NULL)
        cli_any_class (&o, model);
      status = model != NULL ? bench (&o, model) : 1;
    }
  df_model_close (model);
  cli_options_clear (&o);
  return status;
}
