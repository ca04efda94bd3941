/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sample: pictures from x_T. A size that the network cannot make is made larger and cropped; on a tiled axis that
 * would break the seam, and is refused. */
#include "cli.h"

#include <string.h>

static gboolean
fit_axis (int *side, int multiple, gboolean tile, const char *name)
{
  int up = (*side + multiple - 1) / multiple * multiple;

  if (tile && up != *side)
    return cli_usage ("A seamless %s must be a multiple of %d: take %d or %d.", name, multiple, up - multiple, up) == 0;
  *side = up;
  return TRUE;
}

gboolean
cli_fit (df_request *r, const df_model *model)
{
  int multiple = df_model_describe (model)->size_multiple;

  return fit_axis (&r->width, multiple, r->tile_x, "width") && fit_axis (&r->height, multiple, r->tile_y, "height");
}

/* The top left width × height of every picture of `canvas`. */
static cli_picture
cropped (const float *canvas, const df_request *r, int width, int height, int channels)
{
  cli_picture p = { r->batch, width, height, channels, g_new (float, (gsize) r->batch * width * height * channels), NULL,
                    0, NULL };

  for (int n = 0; n < r->batch; n++)
    for (int y = 0; y < height; y++)
      memcpy (p.data + ((gsize) n * height + y) * width * channels,
              canvas + ((gsize) n * r->height + y) * r->width * channels, (gsize) width * channels * sizeof (float));
  return p;
}

static int
run (const df_model *model, const df_request *r, const df_input *input, float *out)
{
  df_session *session;
  df_error    err;
  df_status   status = df_session_new (&session, model, r, &err);

  if (status == DF_OK)
    {
      status = df_run (session, input, NULL, out, &err);
      df_session_free (session);
    }
  return status == DF_OK ? 0 : status == DF_ERROR_ARGUMENT ? cli_usage ("%s", err.text) : cli_fail ("%s", err.text);
}

/* Philox draws a picture per seed, one at a time: memory stays that of one. Torch draws one batch. */
static int
run_all (const df_model *model, const df_request *r, guint64 seed, int count, const float *init, float *out)
{
  gsize n      = (gsize) r->batch * r->width * r->height * df_model_describe (model)->channels;
  int   status = 0;

  if (r->batch == count)
    return run (model, r, &(df_input) { .seed = seed, .init = init }, out);
  for (int i = 0; i < count && status == 0; i++)
    status = run (model, r, &(df_input) { .seed = seed + i, .init = init != NULL ? init + i * n : NULL }, out + i * n);
  return status;
}

int
cli_sample_and_save (const cli_options *o, const df_model *model, const float *init)
{
  const df_model_info *info = df_model_describe (model);
  df_request           r, whole;
  int                  status, width, height;
  float               *out;
  cli_picture          p;

  if (!cli_request (o, model, FALSE, &r, &status))
    return status;
  r.texton = r.texton && init == NULL;
  status = 0;
  width  = r.width;
  height = r.height;
  if (!cli_fit (&r, model))
    status = 2;
  else if (init != NULL && (r.width != width || r.height != height))
    status = cli_usage ("x_T is %d × %d; this model works on sides that are multiples of %d.", width, height,
                        info->size_multiple);
  if (status != 0)
    {
      cli_request_clear (&r);
      return status;
    }
  if (r.rng == DF_RNG_TORCH)
    r.batch = o->count;
  whole       = r;
  whole.batch = o->count;
  out    = g_try_new (float, (gsize) o->count * r.width * r.height * info->channels);
  status = out != NULL ? run_all (model, &r, (guint64) o->seed, o->count, init, out)
                       : cli_fail ("Out of memory: choose a smaller picture.");
  if (status == 0)
    {
      p      = cropped (out, &whole, width, height, info->channels);
      status = cli_picture_save (&p, o->output) ? 0 : 1;
      cli_picture_clear (&p);
    }
  g_free (out);
  cli_request_clear (&r);
  return status;
}

/* x_T of a file sets the size. false: told. */
static gboolean
load_init (cli_options *o, const df_model *model, cli_picture *init)
{
  if (o->size != NULL || o->count != 1)
    return cli_fail ("--init sets size and count: leave --size and --count out.") == 0;
  if (!cli_picture_load (init, o->init, df_model_describe (model)->channels))
    return FALSE;
  g_free (o->size);
  o->size  = g_strdup_printf ("%dx%d", init->width, init->height);
  o->count = init->count;
  return TRUE;
}

int
cli_sample (int argc, char **argv)
{
  cli_options o;
  df_model   *model  = NULL;
  cli_picture init   = { 0 };
  int         status = 2;

  if (cli_parse (&o, "sample", "MODEL -o OUT", argc, argv, 1, CLI_OUTPUT))
    {
      model  = cli_open_model (&o);
      status = model == NULL || (o.init != NULL && !load_init (&o, model, &init))
                 ? 1 : cli_sample_and_save (&o, model, init.data);
    }
  cli_picture_clear (&init);
  df_model_close (model);
  cli_options_clear (&o);
  return status;
}
