/* SPDX-License-Identifier: GPL-3.0-or-later */
/* info: what a model is, and what a run with it costs. */
#include "cli.h"

#include <yyjson.h>

static void
print_json (const df_model_info *info, const df_request *r, const df_forecast *f)
{
  yyjson_mut_doc *doc  = yyjson_mut_doc_new (NULL);
  yyjson_mut_val *root = yyjson_mut_obj (doc), *classes;
  char           *text;

  yyjson_mut_doc_set_root (doc, root);
  yyjson_mut_obj_add_str (doc, root, "title", info->title);
  yyjson_mut_obj_add_str (doc, root, "description", info->description);
  yyjson_mut_obj_add_str (doc, root, "licence", info->licence);
  yyjson_mut_obj_add_str (doc, root, "attribution", info->attribution);
  yyjson_mut_obj_add_str (doc, root, "training_time", info->training_time);
  yyjson_mut_obj_add_str (doc, root, "training_command", info->training_command);
  yyjson_mut_obj_add_int (doc, root, "parameters", info->parameters);
  yyjson_mut_obj_add_int (doc, root, "channels", info->channels);
  yyjson_mut_obj_add_int (doc, root, "native_width", info->native_width);
  yyjson_mut_obj_add_int (doc, root, "native_height", info->native_height);
  yyjson_mut_obj_add_int (doc, root, "size_multiple", info->size_multiple);
  yyjson_mut_obj_add_bool (doc, root, "any_size", info->any_size);
  yyjson_mut_obj_add_bool (doc, root, "tileable", info->tileable);
  yyjson_mut_obj_add_int (doc, root, "num_train_timesteps", info->num_train_timesteps);
  yyjson_mut_obj_add_str (doc, root, "prediction_type", df_prediction_word (info->prediction));
  classes = yyjson_mut_obj_add_arr (doc, root, "classes");
  for (int i = 0; i < info->num_classes; i++)
    yyjson_mut_arr_add_str (doc, classes, info->class_names[i]);
  yyjson_mut_obj_add_int (doc, root, "null_class", info->null_class);
  yyjson_mut_obj_add_int (doc, root, "width", r->width);
  yyjson_mut_obj_add_int (doc, root, "height", r->height);
  yyjson_mut_obj_add_real (doc, root, "macs_per_step", f->flops_per_step / 2.0);
  yyjson_mut_obj_add_uint (doc, root, "bytes", f->bytes);
  yyjson_mut_obj_add_int (doc, root, "steps", f->steps);
  yyjson_mut_obj_add_real (doc, root, "seconds_per_step", f->seconds_per_step);
  text = yyjson_mut_write (doc, YYJSON_WRITE_PRETTY, NULL);
  g_print ("%s\n", text);
  free (text);
  yyjson_mut_doc_free (doc);
}

static void
print_text (const df_model_info *info, const df_request *r, const df_forecast *f)
{
  g_print ("%s\n", info->title);
  if (info->description[0] != '\0')
    g_print ("%s\n", info->description);
  g_print ("licence       %s\n", info->licence[0] != '\0' ? info->licence : "not stated");
  if (info->training_time[0] != '\0')
    g_print ("trained       %s\n", info->training_time);
  if (info->training_command[0] != '\0')
    g_print ("by            %s\n", info->training_command);
  g_print ("parameters    %lld\n", info->parameters);
  g_print ("channels      %d\n", info->channels);
  g_print ("trained at    %d × %d%s\n", info->native_width, info->native_height,
           info->any_size ? ", makes any size" : "");
  g_print ("sides         multiples of %d%s\n", info->size_multiple, info->tileable ? ", seamless on request" : "");
  g_print ("predicts      %s, T = %d\n", df_prediction_word (info->prediction), info->num_train_timesteps);
  if (info->num_classes > 0)
    {
      g_print ("classes       ");
      for (int i = 0; i < info->num_classes; i++)
        g_print ("%s%s", i > 0 ? ", " : "", info->class_names[i]);
      g_print ("%s\n", info->null_class >= 0 ? " (or none)" : "");
    }
  g_print ("at %d × %d   %.3f GMAC, %.0f MB, about %.3f s a step (%d steps)\n", r->width, r->height,
           f->flops_per_step / 2e9, (double) f->bytes / 1e6, f->seconds_per_step, f->steps);
}

static int
inform (const cli_options *o, const df_model *model)
{
  df_request  r;
  df_forecast f;
  df_error    err;
  int         status;

  if (!cli_request (o, model, FALSE, &r, &status))
    return status;
  if (!cli_fit (&r, model))
    status = 2;
  else
    status = df_forecast_run (model, &r, &f, &err) == DF_OK ? 0 : cli_usage ("%s", err.text);
  if (status == 0)
    (o->json ? print_json : print_text) (df_model_describe (model), &r, &f);
  cli_request_clear (&r);
  return status;
}

int
cli_info (int argc, char **argv)
{
  cli_options o;
  df_model   *model  = NULL;
  int         status = 2;

  if (cli_parse (&o, "info", "MODEL [--size WxH] [--json]", argc, argv, 1, 0))
    {
      model = cli_open_model (&o);
      if (model != NULL)
        cli_any_class (&o, model);
      status = model != NULL ? inform (&o, model) : 1;
    }
  df_model_close (model);
  cli_options_clear (&o);
  return status;
}
