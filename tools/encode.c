/* SPDX-License-Identifier: GPL-3.0-or-later */
/* encode: DDIM encoding of a picture into its x_T (η = 0); blend: a picture between two x_T. */
#include "cli.h"

static int
encode_picture (const cli_options *o, const df_model *model, cli_picture *p)
{
  df_request  r;
  df_session *session;
  df_error    err;
  df_status   status;
  int         result;

  if (!cli_picture_load (p, o->input, df_model_describe (model)->channels))
    return 1;
  if (!cli_request (o, model, FALSE, &r, &result))
    return result;
  r.encode  = true;
  r.sampler = DF_SAMPLER_DDIM;
  r.eta     = 0.0;
  r.width   = p->width;
  r.height  = p->height;
  r.batch   = p->count;
  status = df_session_new (&session, model, &r, &err);
  if (status == DF_OK)
    {
      status = df_run (session, &(df_input) { .x0 = p->data }, NULL, p->data, &err);
      df_session_free (session);
    }
  result = status == DF_OK ? (cli_picture_save (p, o->output) ? 0 : 1)
           : status == DF_ERROR_ARGUMENT ? cli_usage ("%s", err.text) : cli_fail ("%s", err.text);
  cli_request_clear (&r);
  return result;
}

int
cli_encode (int argc, char **argv)
{
  cli_options o;
  df_model   *model  = NULL;
  cli_picture p      = { 0 };
  int         status = 2;

  if (cli_parse (&o, "encode", "MODEL -i IN -o XT.npy", argc, argv, 1, CLI_INPUT | CLI_OUTPUT))
    {
      if (!g_str_has_suffix (o.output, ".npy"))
        status = cli_usage ("x_T is no picture: name the result .npy.");
      else
        status = (model = cli_open_model (&o)) != NULL ? encode_picture (&o, model, &p) : 1;
    }
  cli_picture_clear (&p);
  df_model_close (model);
  cli_options_clear (&o);
  return status;
}

static int
blend (cli_options *o, const df_model *model)
{
  int         channels = df_model_describe (model)->channels, status = 1;
  cli_picture a = { 0 }, b = { 0 };

  if (cli_picture_load (&a, o->words[1], channels) && cli_picture_load (&b, o->words[2], channels))
    {
      if (a.count != b.count || a.width != b.width || a.height != b.height)
        status = cli_fail ("%s and %s have different shapes.", o->words[1], o->words[2]);
      else
        {
          df_slerp (a.data, b.data, o->weight, (gsize) a.count * a.width * a.height * channels, a.data);
          g_free (o->size);
          o->size  = g_strdup_printf ("%dx%d", a.width, a.height);
          o->count = a.count;
          status   = cli_sample_and_save (o, model, a.data);
        }
    }
  cli_picture_clear (&a);
  cli_picture_clear (&b);
  return status;
}

int
cli_blend (int argc, char **argv)
{
  cli_options o;
  df_model   *model  = NULL;
  int         status = 2;

  if (cli_parse (&o, "blend", "MODEL A.npy B.npy --weight W -o OUT", argc, argv, 3, CLI_OUTPUT))
    {
      if (o.weight < 0.0 || o.weight > 1.0)
        status = cli_usage ("blend needs --weight W, from 0 (the first) to 1 (the second).");
      else
        status = (model = cli_open_model (&o)) != NULL ? blend (&o, model) : 1;
    }
  df_model_close (model);
  cli_options_clear (&o);
  return status;
}
