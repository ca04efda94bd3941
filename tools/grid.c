/* SPDX-License-Identifier: GPL-3.0-or-later */
/* grid: what a model makes of 16 seeds, to look at while it is being trained. */
#include "cli.h"

#include <string.h>

#define SIDE  4
#define STEPS 20

/* A sample into its place in the grid. */
static void
place (cli_picture *grid, int index, const float *sample, int width, int height)
{
  gsize row = (gsize) width * grid->channels;

  for (int y = 0; y < height; y++)
    memcpy (grid->data + ((gsize) (index / SIDE * height + y) * SIDE + index % SIDE) * row, sample + y * row,
            row * sizeof (float));
}

static df_status
sample_all (const df_model *model, int threads, cli_picture *grid, df_error *err)
{
  const df_model_info *info   = df_model_describe (model);
  df_status            status = DF_OK;
  df_request           r;
  float               *sample;

  df_request_default (model, &r);
  r.steps   = MIN (STEPS, info->num_train_timesteps);
  r.tile_x  = r.tile_y = info->tileable;
  r.threads = threads;
  *grid = (cli_picture) { .count = 1, .width = SIDE * r.width, .height = SIDE * r.height, .channels = info->channels };
  grid->data = g_new (float, (gsize) grid->width * grid->height * grid->channels);
  sample     = g_new (float, (gsize) r.width * r.height * info->channels);
  for (int i = 0; i < SIDE * SIDE && status == DF_OK; i++)
    {
      df_session *session;

      if (info->num_classes > 0)
        r.label = i % info->num_classes;
      status = df_session_new (&session, model, &r, err);
      if (status != DF_OK)
        break;
      status = df_run (session, &(df_input) { .seed = (guint64) i }, NULL, sample, err);
      df_session_free (session);
      place (grid, i, sample, r.width, r.height);
    }
  g_free (sample);
  return status;
}

gboolean
cli_grid (const char *folder, const char *path, int threads)
{
  cli_picture grid = { 0 };
  df_model   *model;
  df_error    err;
  gboolean    fine = FALSE;

  if (df_model_open (&model, folder, &err) != DF_OK)
    return cli_fail ("%s", err.text) == 0;
  if (sample_all (model, threads, &grid, &err) != DF_OK)
    cli_fail ("%s", err.text);
  else
    fine = cli_picture_save (&grid, path);
  cli_picture_clear (&grid);
  df_model_close (model);
  return fine;
}
