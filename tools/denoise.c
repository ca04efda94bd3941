/* SPDX-License-Identifier: GPL-3.0-or-later */
/* denoise: partial denoising of a picture, or of the part of it that a mask selects, exactly as the GIMP plug-in does
 * it: the canvas is df_canvas_around of the mask's bounds, noise counts from the picture's origin, pixels with
 * mask 0 keep their bits. noise: the first half of that alone. */
#include "cli.h"

#include <math.h>
#include <string.h>

typedef struct job
{
  cli_options o;
  df_model   *model;
  cli_picture picture;
  float      *mask;         /* [height,width] or NULL: everything */
  df_request  request;
  df_rect     canvas;
  int         width, height;   /* of the window: canvas ∩ picture */
} job;

static df_rect
mask_bounds (const job *j)
{
  int x0 = j->picture.width, y0 = j->picture.height, x1 = 0, y1 = 0;

  if (j->mask == NULL)
    return (df_rect) { 0, 0, j->picture.width, j->picture.height };
  for (int y = 0; y < j->picture.height; y++)
    for (int x = 0; x < j->picture.width; x++)
      if (j->mask[(gsize) y * j->picture.width + x] > 0.0f)
        {
          x0 = MIN (x0, x);
          y0 = MIN (y0, y);
          x1 = MAX (x1, x + 1);
          y1 = MAX (y1, y + 1);
        }
  return (df_rect) { x0, y0, x1 - x0, y1 - y0 };
}

/* The canvas's part of the picture [rows of `channels` floats]. */
static void
cut (const job *j, const float *from, int channels, float *to)
{
  for (int y = 0; y < j->height; y++)
    memcpy (to + (gsize) y * j->width * channels,
            from + (((gsize) j->canvas.y + y) * j->picture.width + j->canvas.x) * channels,
            (gsize) j->width * channels * sizeof (float));
}

static float *
canvas_picture (const job *j, int index)
{
  int    c      = j->picture.channels;
  gsize  pixels = (gsize) j->picture.width * j->picture.height;
  float *window = g_new (float, (gsize) j->width * j->height * c);
  float *out    = g_new (float, (gsize) j->canvas.width * j->canvas.height * c);

  cut (j, j->picture.data + (gsize) index * pixels * c, c, window);
  df_canvas_fill (window, j->width, j->height, c, j->canvas.width, j->canvas.height, out);
  g_free (window);
  return out;
}

/* The selection on the canvas, NULL where all of it is selected. */
static float *
canvas_mask (const job *j, df_error *err)
{
  gsize  n = (gsize) j->width * j->height;
  float *window, *out;

  if (j->mask == NULL && j->width == j->canvas.width && j->height == j->canvas.height)
    return NULL;
  window = g_new (float, n);
  out    = g_new (float, (gsize) j->canvas.width * j->canvas.height);
  for (gsize i = 0; i < n; i++)
    window[i] = 1.0f;
  if (j->mask != NULL)
    cut (j, j->mask, 1, window);
  err->status = df_canvas_mask (window, j->width, j->height, j->request.hard_edge_blend ? 0.0 : j->o.feather,
                                j->canvas.width, j->canvas.height, out, err);
  g_free (window);
  return out;
}

/* ------------------------------------------------------------------ the way back */

static double
to_linear (double v)
{
  return v <= 0.04045 ? v / 12.92 : pow ((v + 0.055) / 1.055, 2.4);
}

static double
from_linear (double v)
{
  return v <= 0.0031308 ? v * 12.92 : 1.055 * pow (v, 1.0 / 2.4) - 0.055;
}

/* Blended in linear light, as GIMP does. */
static float
blended (float before, float after, float s)
{
  double a = to_linear (CLAMP (before / 2.0 + 0.5, 0.0, 1.0)), b = to_linear (CLAMP (after / 2.0 + 0.5, 0.0, 1.0));

  return (float) (2.0 * from_linear (a + s * (b - a)) - 1.0);
}

static void
paste (job *j, int index, const float *result)
{
  int    c      = j->picture.channels;
  gsize  pixels = (gsize) j->picture.width * j->picture.height;

  for (int y = 0; y < j->height; y++)
    for (int x = 0; x < j->width; x++)
      {
        gsize        at   = ((gsize) j->canvas.y + y) * j->picture.width + j->canvas.x + x;
        float        s    = j->mask != NULL ? j->mask[at] : 1.0f;
        const float *from = result + ((gsize) y * j->canvas.width + x) * c;
        float       *to   = j->picture.data + ((gsize) index * pixels + at) * c;

        for (int k = 0; k < c && s > 0.0f; k++)
          to[k] = j->request.hard_edge_blend && s < 1.0f ? blended (to[k], from[k], s) : from[k];
      }
}

/* ------------------------------------------------------------------ running */

static int
prepare (job *j, gboolean partial)
{
  df_error err;
  int      status;
  df_rect  bounds;

  if (!cli_picture_load (&j->picture, j->o.input, df_model_describe (j->model)->channels))
    return 1;
  if (j->o.mask != NULL &&
      (j->mask = cli_mask_load (j->o.mask, j->picture.width, j->picture.height)) == NULL)
    return 1;
  bounds = mask_bounds (j);
  if (bounds.width <= 0)
    return cli_fail ("%s selects nothing: white is selected.", j->o.mask);
  if (!cli_request (&j->o, j->model, partial, &j->request, &status))
    return status;
  if (df_canvas_around (j->model, bounds, j->picture.width, j->picture.height, j->request.tile_x, j->request.tile_y,
                        &j->canvas, &err) != DF_OK)
    return cli_usage ("%s", err.text);
  j->request.width     = j->canvas.width;
  j->request.height    = j->canvas.height;
  j->request.origin_x += j->canvas.x;
  j->request.origin_y += j->canvas.y;
  j->request.period_x  = j->picture.width;
  j->request.period_y  = j->picture.height;
  j->width  = MIN (j->canvas.width, j->picture.width - j->canvas.x);
  j->height = MIN (j->canvas.height, j->picture.height - j->canvas.y);
  return 0;
}

static int
run_one (job *j, df_session *session, int index)
{
  df_error  err  = { DF_OK, "" };
  float    *x0   = canvas_picture (j, index), *mask = canvas_mask (j, &err);
  df_input  input = { .seed = (guint64) j->o.seed + index, .x0 = x0, .mask = mask };
  df_status status = err.status;

  if (status == DF_OK)
    status = df_run (session, &input, NULL, x0, &err);
  if (status == DF_OK)
    paste (j, index, x0);
  g_free (x0);
  g_free (mask);
  return status == DF_OK ? 0 : cli_fail ("%s", err.text);
}

static int
run_denoise (job *j)
{
  df_session *session;
  df_error    err;
  df_status   status;
  int         result = prepare (j, TRUE);

  if (result != 0)
    return result;
  status = df_session_new (&session, j->model, &j->request, &err);
  if (status != DF_OK)
    return status == DF_ERROR_ARGUMENT ? cli_usage ("%s", err.text) : cli_fail ("%s", err.text);
  for (int i = 0; i < j->picture.count && result == 0; i++)
    result = run_one (j, session, i);
  df_session_free (session);
  return result == 0 && !cli_picture_save (&j->picture, j->o.output) ? 1 : result;
}

static int
run_noise (job *j)
{
  df_error err;
  int      result;

  cli_any_class (&j->o, j->model);
  result = prepare (j, FALSE);
  for (int i = 0; i < j->picture.count && result == 0; i++)
    {
      float *x = canvas_picture (j, i);

      if (df_noise (j->model, &j->request, j->o.t, (guint64) j->o.seed + i, x, x, &err) == DF_OK)
        paste (j, i, x);
      else
        result = cli_usage ("%s", err.text);
      g_free (x);
    }
  return result == 0 && !cli_picture_save (&j->picture, j->o.output) ? 1 : result;
}

static int
run_job (const char *command, const char *synopsis, int needs, int (*run) (job *), int argc, char **argv)
{
  job j      = { 0 };
  int status = 2;

  if (cli_parse (&j.o, command, synopsis, argc, argv, 1, needs))
    {
      j.model = cli_open_model (&j.o);
      status  = j.model != NULL ? run (&j) : 1;
    }
  cli_request_clear (&j.request);
  cli_picture_clear (&j.picture);
  g_free (j.mask);
  df_model_close (j.model);
  cli_options_clear (&j.o);
  return status;
}

int
cli_denoise (int argc, char **argv)
{
  return run_job ("denoise", "MODEL -i IN [--mask M.png] --t T -o OUT", CLI_INPUT | CLI_OUTPUT, run_denoise,
                  argc, argv);
}

int
cli_noise (int argc, char **argv)
{
  return run_job ("noise", "MODEL -i IN --t T -o OUT", CLI_INPUT | CLI_OUTPUT | CLI_T, run_noise, argc, argv);
}
