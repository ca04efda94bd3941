/* SPDX-License-Identifier: GPL-3.0-or-later */
/* eps: one network evaluation, raw: whatever the model predicts (ε, v or x_0). */
#include "cli.h"

static int
evaluate (const cli_options *o, const df_model *model, cli_picture *x)
{
  df_request  r;
  df_session *session;
  df_error    err;
  df_status   status;
  double     *t;
  int         result;

  if (!cli_picture_load (x, o->input, df_model_describe (model)->channels))
    return 1;
  if (o->t < 0 || o->t > df_model_describe (model)->num_train_timesteps - 1)
    return cli_usage ("--t must be from 0 to %d.", df_model_describe (model)->num_train_timesteps - 1);
  if (!cli_request (o, model, FALSE, &r, &result))
    return result;
  r.guidance = 1.0;
  r.width    = x->width;
  r.height   = x->height;
  r.batch    = x->count;
  t = g_new (double, x->count);
  for (int i = 0; i < x->count; i++)
    t[i] = o->t;
  status = df_session_new (&session, model, &r, &err);
  if (status == DF_OK)
    {
      status = df_predict (session, x->data, t, NULL, x->data, &err);
      df_session_free (session);
    }
  result = status == DF_OK ? (cli_picture_save (x, o->output) ? 0 : 1)
           : status == DF_ERROR_ARGUMENT ? cli_usage ("%s", err.text) : cli_fail ("%s", err.text);
  g_free (t);
  cli_request_clear (&r);
  return result;
}

int
cli_eps (int argc, char **argv)
{
  cli_options o;
  df_model   *model  = NULL;
  cli_picture x      = { 0 };
  int         status = 2;

  if (cli_parse (&o, "eps", "MODEL -i X.npy --t T -o EPS.npy", argc, argv, 1, CLI_INPUT | CLI_OUTPUT | CLI_T))
    status = (model = cli_open_model (&o)) != NULL ? evaluate (&o, model, &x) : 1;
  cli_picture_clear (&x);
  df_model_close (model);
  cli_options_clear (&o);
  return status;
}
