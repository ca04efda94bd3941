/* SPDX-License-Identifier: GPL-3.0-or-later */
/* options: one table of all options (DESIGN §6), and the request that follows from them. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#define UNSET_INT    G_MININT
#define UNSET_DOUBLE (-1e300)

static void
tell (const char *format, va_list args)
{
  char *text = g_strdup_vprintf (format, args);

  g_printerr ("diffusion-cli: %s\n", text);
  g_free (text);
}

int
cli_usage (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  tell (format, args);
  va_end (args);
  return 2;
}

int
cli_fail (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  tell (format, args);
  va_end (args);
  return 1;
}

/* ------------------------------------------------------------------ parsing */

static void
set_defaults (cli_options *o)
{
  *o = (cli_options) { .steps = UNSET_INT, .count = 1, .eta = UNSET_DOUBLE, .guidance = UNSET_DOUBLE, .feather = -1,
                       .t = UNSET_DOUBLE, .weight = UNSET_DOUBLE, .minutes = UNSET_DOUBLE, .checkpoint_minutes = 3,
                       .batch = 1 };
}

static gboolean
parse_table (cli_options *o, const char *command, const char *synopsis, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "input", 'i', 0, G_OPTION_ARG_FILENAME, &o->input, "picture to start from (.png, .npy)", "IN" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &o->output, "result (.png, .npy)", "OUT" },
    { "t", 0, 0, G_OPTION_ARG_DOUBLE, &o->t, "timestep, 0 … T-1", "T" },
    { "size", 0, 0, G_OPTION_ARG_STRING, &o->size, "width and height", "WxH" },
    { "count", 0, 0, G_OPTION_ARG_INT, &o->count, "number of pictures", "N" },
    { "mask", 0, 0, G_OPTION_ARG_FILENAME, &o->mask, "selection, white = selected", "M.png" },
    { "class", 0, 0, G_OPTION_ARG_STRING, &o->class_name, "class name or index", "C" },
    { "sampler", 0, 0, G_OPTION_ARG_STRING, &o->sampler, "ddim or ddpm", "S" },
    { "steps", 0, 0, G_OPTION_ARG_INT, &o->steps, "number of steps", "N" },
    { "timesteps", 0, 0, G_OPTION_ARG_STRING, &o->timesteps, "list of t, descending", "LIST" },
    { "spacing", 0, 0, G_OPTION_ARG_STRING, &o->spacing, "leading, trailing, linspace, quad; denoise: linear, quad", "S" },
    { "eta", 0, 0, G_OPTION_ARG_DOUBLE, &o->eta, "0 = deterministic … 1 = DDPM", "E" },
    { "sigmas", 0, 0, G_OPTION_ARG_FILENAME, &o->sigmas, "one σ per step", "FILE" },
    { "variance", 0, 0, G_OPTION_ARG_STRING, &o->variance, "fixed-small, fixed-large, sigma-hat", "V" },
    { "seed", 0, 0, G_OPTION_ARG_INT64, &o->seed, "0 … 2147483647", "N" },
    { "init", 0, 0, G_OPTION_ARG_FILENAME, &o->init, "x_T given", "XT.npy" },
    { "edge", 0, 0, G_OPTION_ARG_STRING, &o->edge, "noise-level or blend", "E" },
    { "feather", 0, 0, G_OPTION_ARG_DOUBLE, &o->feather, "inner feather in pixels, -1 = automatic", "PX" },
    { "tile", 0, 0, G_OPTION_ARG_STRING, &o->tile, "seamless along x, y or xy", "AXES" },
    { "origin", 0, 0, G_OPTION_ARG_STRING, &o->origin, "of the noise field", "X,Y" },
    { "rng", 0, 0, G_OPTION_ARG_STRING, &o->rng, "philox or torch", "R" },
    { "compat", 0, 0, G_OPTION_ARG_STRING, &o->compat, "diffusers: its own arithmetic", "WHAT" },
    { "clip", 0, 0, G_OPTION_ARG_STRING, &o->clip, "auto, none, clip, rederive", "C" },
    { "guidance", 0, 0, G_OPTION_ARG_DOUBLE, &o->guidance, "guidance scale, 1 = off", "G" },
    { "threads", 0, 0, G_OPTION_ARG_INT, &o->threads, "0 = all", "N" },
    { "memory", 0, 0, G_OPTION_ARG_INT, &o->memory, "cap in MB, 0 = none", "MB" },
    { "weight", 0, 0, G_OPTION_ARG_DOUBLE, &o->weight, "0 = first … 1 = second", "W" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &o->json, "machine-readable", NULL },
    { "batch", 0, 0, G_OPTION_ARG_INT, &o->batch, "pictures per evaluation", "N" },
    { "profile", 0, 0, G_OPTION_ARG_NONE, &o->profile, "time per operation", NULL },
    { "data", 0, 0, G_OPTION_ARG_FILENAME, &o->data, "folder of pictures, class = subfolder", "DIR" },
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &o->config, "training configuration", "FILE" },
    { "resume", 0, 0, G_OPTION_ARG_NONE, &o->resume, "go on from the checkpoint", NULL },
    { "minutes", 0, 0, G_OPTION_ARG_DOUBLE, &o->minutes, "budget", "M" },
    { "checkpoint", 0, 0, G_OPTION_ARG_FILENAME, &o->checkpoint, "where the checkpoint lies", "FILE" },
    { "checkpoint-minutes", 0, 0, G_OPTION_ARG_DOUBLE, &o->checkpoint_minutes, "between checkpoints", "M" },
    { NULL },
  };
  char           *summary = g_strdup_printf ("%s %s", command, synopsis);
  GOptionContext *context = g_option_context_new (synopsis);
  gboolean        fine;

  g_option_context_set_summary (context, summary);
  g_option_context_add_main_entries (context, entries, NULL);
  fine = g_option_context_parse (context, argc, argv, error);
  g_option_context_free (context);
  g_free (summary);
  return fine;
}

gboolean
cli_parse (cli_options *o, const char *command, const char *synopsis, int argc, char **argv, int words, int needs)
{
  GError *error = NULL;

  set_defaults (o);
  if (!parse_table (o, command, synopsis, &argc, &argv, &error))
    {
      cli_usage ("%s: %s", command, error->message);
      g_error_free (error);
      return FALSE;
    }
  if (argc - 1 != words)
    {
      cli_usage ("%s takes %d word%s (%s); there %s %d.", command, words, words == 1 ? "" : "s", synopsis,
                 argc == 2 ? "is" : "are", argc - 1);
      return FALSE;
    }
  o->words = g_new0 (char *, words + 1);
  for (int i = 0; i < words; i++)
    o->words[i] = g_strdup (argv[i + 1]);
  if ((needs & CLI_INPUT) && o->input == NULL)
    return cli_usage ("%s needs -i IN.", command) == 0;
  if ((needs & CLI_OUTPUT) && o->output == NULL)
    return cli_usage ("%s needs -o OUT.", command) == 0;
  if ((needs & CLI_OUTPUT) && !g_str_has_suffix (o->output, ".png") && !g_str_has_suffix (o->output, ".npy"))
    return cli_usage ("The result must be named .png or .npy, not %s.", o->output) == 0;
  if ((needs & CLI_T) && o->t == UNSET_DOUBLE && o->timesteps == NULL)
    return cli_usage ("%s needs --t T.", command) == 0;
  if (o->seed < 0 || o->seed > G_MAXINT32)
    return cli_usage ("--seed must be from 0 to 2147483647.") == 0;
  if (o->count < 1 || o->count > 4096)
    return cli_usage ("--count must be from 1 to 4096.") == 0;
  return TRUE;
}

void
cli_options_clear (cli_options *o)
{
  char **texts[] = { &o->sampler, &o->timesteps, &o->spacing, &o->sigmas, &o->variance, &o->init, &o->edge, &o->tile,
                     &o->origin, &o->rng, &o->compat, &o->clip, &o->class_name, &o->size, &o->input, &o->output,
                     &o->mask, &o->data, &o->config, &o->checkpoint };

  for (size_t i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
  g_clear_pointer (&o->words, g_strfreev);
}

df_model *
cli_open_model (const cli_options *o)
{
  df_model *model;
  df_error  err;

  if (df_model_open (&model, o->words[0], &err) == DF_OK)
    return model;
  cli_fail ("%s", err.text);
  return NULL;
}

/* ------------------------------------------------------------------ request */

static gboolean
parse_words (const cli_options *o, gboolean partial, df_request *r)
{
  if (o->sampler != NULL && !df_sampler_parse (o->sampler, &r->sampler))
    return cli_usage ("--sampler is ddim or ddpm, not \"%s\".", o->sampler) == 0;
  if (o->spacing != NULL && !df_spacing_parse (o->spacing, &r->spacing))
    return cli_usage ("--spacing is %s, not \"%s\".", partial ? "linear or quad" : "leading, trailing, linspace or quad",
                      o->spacing) == 0;
  if (o->variance != NULL && !df_variance_parse (o->variance, &r->variance))
    return cli_usage ("--variance is fixed-small, fixed-large or sigma-hat, not \"%s\".", o->variance) == 0;
  if (o->rng != NULL && !df_rng_parse (o->rng, &r->rng))
    return cli_usage ("--rng is philox or torch, not \"%s\".", o->rng) == 0;
  if (o->compat != NULL && strcmp (o->compat, "diffusers") != 0)
    return cli_usage ("--compat is diffusers, not \"%s\".", o->compat) == 0;
  r->compat = o->compat != NULL;
  if (r->compat && r->clip == DF_CLIP_REDERIVE)
    r->clip = DF_CLIP_CLIP;                            /* what diffusers does by itself */
  if (o->clip != NULL && strcmp (o->clip, "auto") != 0 && !df_clip_parse (o->clip, &r->clip))
    return cli_usage ("--clip is auto, none, clip or rederive, not \"%s\".", o->clip) == 0;
  if (o->edge != NULL && strcmp (o->edge, "noise-level") != 0 && strcmp (o->edge, "blend") != 0)
    return cli_usage ("--edge is noise-level or blend, not \"%s\".", o->edge) == 0;
  r->hard_edge_blend = g_strcmp0 (o->edge, "blend") == 0;
  if (o->tile != NULL && strcmp (o->tile, "x") != 0 && strcmp (o->tile, "y") != 0 && strcmp (o->tile, "xy") != 0)
    return cli_usage ("--tile is x, y or xy, not \"%s\".", o->tile) == 0;
  r->tile_x = o->tile != NULL && strchr (o->tile, 'x') != NULL;
  r->tile_y = o->tile != NULL && strchr (o->tile, 'y') != NULL;
  return TRUE;
}

static gboolean
parse_places (const cli_options *o, df_request *r)
{
  char rest;

  if (o->size != NULL && (sscanf (o->size, "%dx%d%c", &r->width, &r->height, &rest) != 2 || r->width < 1 ||
                          r->height < 1 || r->width > 65536 || r->height > 65536))
    return cli_usage ("--size is WIDTHxHEIGHT, such as 256x192, not \"%s\".", o->size) == 0;
  if (o->origin != NULL && sscanf (o->origin, "%d,%d%c", &r->origin_x, &r->origin_y, &rest) != 2)
    return cli_usage ("--origin is X,Y, such as 0,0, not \"%s\".", o->origin) == 0;
  return TRUE;
}

static gboolean
parse_timesteps (const cli_options *o, df_request *r)
{
  char **parts;
  int   *list, n;

  if (o->timesteps == NULL)
    return TRUE;
  parts = g_strsplit (o->timesteps, ",", -1);
  n     = (int) g_strv_length (parts);
  list  = g_new0 (int, n + 1);
  r->timesteps     = list;
  r->num_timesteps = n;
  for (int i = 0; i < n; i++)
    {
      char *end;

      list[i] = (int) g_ascii_strtoll (parts[i], &end, 10);
      if (end == parts[i] || *end != '\0')
        {
          cli_usage ("--timesteps is a list such as 400,300,200,100; \"%s\" is not a number.", parts[i]);
          g_strfreev (parts);
          return FALSE;
        }
    }
  g_strfreev (parts);
  return TRUE;
}

static gboolean
parse_sigmas (const cli_options *o, df_request *r)
{
  char   *text, **parts;
  GError *error = NULL;
  GArray *list;

  if (o->sigmas == NULL)
    return TRUE;
  if (!g_file_get_contents (o->sigmas, &text, NULL, &error))
    {
      cli_fail ("%s", error->message);
      g_error_free (error);
      return FALSE;
    }
  list  = g_array_new (FALSE, FALSE, sizeof (double));
  parts = g_strsplit_set (text, " \t\r\n,;", -1);
  for (int i = 0; parts[i] != NULL; i++)
    {
      char  *end;
      double sigma = g_ascii_strtod (parts[i], &end);

      if (*parts[i] != '\0' && *end == '\0')
        g_array_append_val (list, sigma);
    }
  g_strfreev (parts);
  g_free (text);
  r->num_sigmas = (int) list->len;
  r->sigmas     = (double *) (void *) g_array_free (list, FALSE);
  if (r->num_sigmas == 0)
    return cli_usage ("--sigmas: %s holds no numbers.", o->sigmas) == 0;
  return TRUE;
}

static void
set_numbers (const cli_options *o, const df_model *model, gboolean partial, df_request *r)
{
  const df_model_info *info = df_model_describe (model);

  if (partial)
    {
      r->spacing = info->spacing == DF_SPACING_QUAD ? DF_SPACING_QUAD : DF_SPACING_LINEAR;
      r->start_t = o->t != UNSET_DOUBLE ? (int) o->t : r->num_timesteps > 0 ? r->timesteps[0] : info->start_t;
      r->steps   = MIN (info->denoise_steps, r->start_t + 1);
    }
  if (o->steps != UNSET_INT)
    r->steps = o->steps;
  if (o->eta != UNSET_DOUBLE)
    r->eta = o->eta;
  if (o->guidance != UNSET_DOUBLE)
    r->guidance = o->guidance;
  else if (o->compat != NULL)
    r->guidance = 1.0;
  r->threads    = o->threads;
  r->memory_cap = o->memory > 0 ? (size_t) o->memory * 1000000 : 0;
}

gboolean
cli_request (const cli_options *o, const df_model *model, gboolean partial, df_request *r, int *status)
{
  df_error err;

  *status = 2;
  df_request_default (model, r);
  if (!parse_timesteps (o, r))
    return FALSE;
  set_numbers (o, model, partial, r);
  if (!parse_words (o, partial, r) || !parse_places (o, r))
    return FALSE;
  if (o->memory < 0)
    return cli_usage ("--memory is a cap in MB, 0 for none.") == 0;
  if (df_model_class (model, o->class_name, &r->label, &err) != DF_OK)
    return cli_usage ("%s", err.text) == 0;
  if (o->compat != NULL && o->guidance != UNSET_DOUBLE && o->guidance != 1.0)
    return cli_usage ("--guidance cannot be used with --compat diffusers: its pipelines have none.") == 0;
  *status = 1;
  return parse_sigmas (o, r);
}

void
cli_request_clear (df_request *r)
{
  g_free ((void *) r->timesteps);
  g_free ((void *) r->sigmas);
  r->timesteps = NULL;
  r->sigmas    = NULL;
}
