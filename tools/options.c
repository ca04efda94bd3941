/* SPDX-License-Identifier: GPL-3.0-or-later */
/* options: one table of all options (DESIGN §6), and the request that follows from them. */
#include "cli.h"

#include <math.h>
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
                       .t = UNSET_DOUBLE, .weight = UNSET_DOUBLE, .minutes = UNSET_DOUBLE, .checkpoint_minutes = 3, .grid = UNSET_DOUBLE,
                       .batch = 1 };
}

/* Which commands know an option: the letters of `commands`. */
typedef struct option
{
  const char  *commands;
  GOptionEntry entry;
} option;

#define MODEL_COMMANDS "iesdnxlb"   /* all but train and likelihood */

/* The letter of a command in the table. */
static char
command_letter (const char *command)
{
  static const char letters[][2][12] = {
    { "info", "i" }, { "eps", "e" }, { "sample", "s" }, { "denoise", "d" }, { "noise", "n" }, { "encode", "x" },
    { "blend", "l" }, { "bench", "b" }, { "train", "t" }, { "likelihood", "k" },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (letters); i++)
    if (strcmp (letters[i][0], command) == 0)
      return letters[i][1][0];
  g_assert_not_reached ();
}

static gboolean
parse_table (cli_options *o, const char *command, const char *synopsis, int *argc, char ***argv, GError **error)
{
  const option options[] = {
    { "ednx", { "input", 'i', 0, G_OPTION_ARG_FILENAME, &o->input, "picture to start from (.png, .npy)", "IN" } },
    { "esdnxlt", { "output", 'o', 0, G_OPTION_ARG_FILENAME, &o->output, "result (.png, .npy; train: a folder)",
                   "OUT" } },
    { "edn", { "t", 0, 0, G_OPTION_ARG_DOUBLE, &o->t, "timestep, 0 … T-1", "T" } },
    { "isbk", { "size", 0, 0, G_OPTION_ARG_STRING, &o->size, "width and height", "WxH" } },
    { "s", { "count", 0, 0, G_OPTION_ARG_INT, &o->count, "number of pictures", "N" } },
    { "dn", { "mask", 0, 0, G_OPTION_ARG_FILENAME, &o->mask, "selection, white = selected", "M.png" } },
    { MODEL_COMMANDS "k", { "class", 0, 0, G_OPTION_ARG_STRING, &o->class_name, "class name or index", "C" } },
    { MODEL_COMMANDS, { "sampler", 0, 0, G_OPTION_ARG_STRING, &o->sampler, "ddim or ddpm", "S" } },
    { MODEL_COMMANDS, { "steps", 0, 0, G_OPTION_ARG_INT, &o->steps, "number of steps", "N" } },
    { MODEL_COMMANDS, { "timesteps", 0, 0, G_OPTION_ARG_STRING, &o->timesteps, "list of t, descending", "LIST" } },
    { MODEL_COMMANDS, { "spacing", 0, 0, G_OPTION_ARG_STRING, &o->spacing,
                        "leading, trailing, linspace, quad; denoise: linear, quad", "S" } },
    { MODEL_COMMANDS, { "eta", 0, 0, G_OPTION_ARG_DOUBLE, &o->eta, "0 = deterministic … 1 = DDPM", "E" } },
    { MODEL_COMMANDS, { "sigmas", 0, 0, G_OPTION_ARG_FILENAME, &o->sigmas, "one σ per step", "FILE" } },
    { MODEL_COMMANDS, { "variance", 0, 0, G_OPTION_ARG_STRING, &o->variance, "fixed-small, fixed-large, sigma-hat",
                        "V" } },
    { MODEL_COMMANDS "k", { "seed", 0, 0, G_OPTION_ARG_INT64, &o->seed, "0 … 2147483647", "N" } },
    { "s", { "init", 0, 0, G_OPTION_ARG_FILENAME, &o->init, "x_T given", "XT.npy" } },
    { "s", { "start", 0, 0, G_OPTION_ARG_STRING, &o->start, "noise, or texton where the model has one", "S" } },
    { "dn", { "edge", 0, 0, G_OPTION_ARG_STRING, &o->edge, "noise-level or blend", "E" } },
    { "dn", { "feather", 0, 0, G_OPTION_ARG_DOUBLE, &o->feather, "inner feather in pixels, -1 = automatic", "PX" } },
    { MODEL_COMMANDS "k", { "tile", 0, 0, G_OPTION_ARG_STRING, &o->tile, "seamless along x, y or xy", "AXES" } },
    { MODEL_COMMANDS, { "origin", 0, 0, G_OPTION_ARG_STRING, &o->origin, "of the noise field", "X,Y" } },
    { MODEL_COMMANDS, { "rng", 0, 0, G_OPTION_ARG_STRING, &o->rng, "philox or torch", "R" } },
    { MODEL_COMMANDS, { "compat", 0, 0, G_OPTION_ARG_STRING, &o->compat, "diffusers: its own arithmetic", "WHAT" } },
    { MODEL_COMMANDS "k", { "clip", 0, 0, G_OPTION_ARG_STRING, &o->clip, "auto, none, clip, rederive", "C" } },
    { MODEL_COMMANDS, { "guidance", 0, 0, G_OPTION_ARG_DOUBLE, &o->guidance, "guidance scale, 1 = off", "G" } },
    { MODEL_COMMANDS "kt", { "threads", 0, 0, G_OPTION_ARG_INT, &o->threads, "0 = all", "N" } },
    { MODEL_COMMANDS "kt", { "memory", 0, 0, G_OPTION_ARG_INT, &o->memory, "cap in MB, 0 = none", "MB" } },
    { "l", { "weight", 0, 0, G_OPTION_ARG_DOUBLE, &o->weight, "0 = first … 1 = second", "W" } },
    { "ik", { "json", 0, 0, G_OPTION_ARG_NONE, &o->json, "machine-readable", NULL } },
    { "k", { "timesteps", 0, 0, G_OPTION_ARG_INT, &o->evaluations, "how many t are evaluated, evenly spaced; 0 = all",
             "N" } },
    { "k", { "limit", 0, 0, G_OPTION_ARG_INT, &o->limit, "how many pictures, evenly spaced; 0 = all", "N" } },
    { "b", { "batch", 0, 0, G_OPTION_ARG_INT, &o->batch, "pictures per evaluation", "N" } },
    { "b", { "profile", 0, 0, G_OPTION_ARG_NONE, &o->profile, "time per operation", NULL } },
    { "b", { "training", 0, 0, G_OPTION_ARG_NONE, &o->training, "a training step instead of an evaluation", NULL } },
    { "b", { "serve", 0, 0, G_OPTION_ARG_NONE, &o->serve, "answer lines \"run N\" on stdin with times", NULL } },
    { "tk", { "data", 0, 0, G_OPTION_ARG_FILENAME, &o->data, "folder of pictures, class = subfolder", "DIR" } },
    { "t", { "config", 0, 0, G_OPTION_ARG_FILENAME, &o->config, "training configuration", "FILE" } },
    { "t", { "base", 0, 0, G_OPTION_ARG_FILENAME, &o->base, "model folder to start from", "MODEL" } },
    { "t", { "grid", 0, 0, G_OPTION_ARG_DOUBLE, &o->grid, "between grids of samples, OUT/grid-STEP.png", "M" } },
    { "t", { "resume", 0, 0, G_OPTION_ARG_NONE, &o->resume, "go on from the checkpoint", NULL } },
    { "t", { "no-ema", 0, 0, G_OPTION_ARG_NONE, &o->no_ema, "the last step's weights, not their running mean", NULL } },
    { "t", { "minutes", 0, 0, G_OPTION_ARG_DOUBLE, &o->minutes, "budget", "M" } },
    { "t", { "checkpoint", 0, 0, G_OPTION_ARG_FILENAME, &o->checkpoint, "where the checkpoint lies", "FILE" } },
    { "t", { "checkpoint-minutes", 0, 0, G_OPTION_ARG_DOUBLE, &o->checkpoint_minutes, "between checkpoints", "M" } },
  };
  GOptionEntry    entries[G_N_ELEMENTS (options) + 1] = { { NULL } };
  char           *program = g_strdup_printf ("diffusion-cli %s", command);
  GOptionContext *context = g_option_context_new (synopsis);
  gboolean        fine;

  for (size_t i = 0, n = 0; i < G_N_ELEMENTS (options); i++)
    if (strchr (options[i].commands, command_letter (command)) != NULL)
      entries[n++] = options[i].entry;
  g_set_prgname (program);
  g_free (program);
  g_option_context_add_main_entries (context, entries, NULL);
  fine = g_option_context_parse (context, argc, argv, error);
  g_option_context_free (context);
  return fine;
}

/* What the options of every command allow. false: told. */
static gboolean
check_ranges (const cli_options *o)
{
  const double numbers[] = { o->t, o->eta, o->guidance, o->feather, o->weight, o->minutes, o->checkpoint_minutes,
                             o->grid };

  for (size_t i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (!isfinite (numbers[i]))
      return cli_usage ("Numbers must be finite: nan and inf are not.") == 0;
  if (o->seed < 0 || o->seed > G_MAXINT32)
    return cli_usage ("--seed must be from 0 to 2147483647.") == 0;
  if (o->count < 1 || o->count > 4096)
    return cli_usage ("--count must be from 1 to 4096.") == 0;
  if (o->limit < 0 || o->evaluations < 0)
    return cli_usage ("--limit and --timesteps are numbers from 0, which is all.") == 0;
  if (o->memory < 0)
    return cli_usage ("--memory is a cap in MB, 0 for none.") == 0;
  if (o->minutes != UNSET_DOUBLE && o->minutes <= 0)
    return cli_usage ("--minutes must be above 0.") == 0;
  if (o->grid != UNSET_DOUBLE && o->grid <= 0)
    return cli_usage ("--grid must be above 0.") == 0;
  if (o->checkpoint_minutes <= 0)
    return cli_usage ("--checkpoint-minutes must be above 0.") == 0;
  return TRUE;
}

gboolean
cli_parse (cli_options *o, const char *command, const char *synopsis, int argc, char **argv, int words, int needs)
{
  GError *error = NULL;

  set_defaults (o);
  if (!parse_table (o, command, synopsis, &argc, &argv, &error))
    {
      cli_usage ("%s; see diffusion-cli %s --help.", error->message, command);
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
  if ((needs & CLI_T) && o->t == UNSET_DOUBLE)
    return cli_usage ("%s needs --t T.", command) == 0;
  return check_ranges (o);
}

void
cli_options_clear (cli_options *o)
{
  char **texts[] = { &o->sampler, &o->timesteps, &o->spacing, &o->sigmas, &o->variance, &o->init, &o->start, &o->edge, &o->tile,
                     &o->origin, &o->rng, &o->compat, &o->clip, &o->class_name, &o->size, &o->input, &o->output,
                     &o->mask, &o->data, &o->config, &o->checkpoint, &o->base };

  for (size_t i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
  g_clear_pointer (&o->words, g_strfreev);
}

void
cli_any_class (cli_options *o, const df_model *model)
{
  const df_model_info *info = df_model_describe (model);

  if (o->class_name == NULL && info->num_classes > 0 && info->null_class < 0)
    o->class_name = g_strdup ("0");
}

df_model *
cli_open_model (const cli_options *o)
{
  char     *folder = o->output != NULL ? g_path_get_dirname (o->output) : NULL;
  gboolean  there  = folder == NULL || g_file_test (folder, G_FILE_TEST_IS_DIR);
  df_model *model;
  df_error  err;

  /* now rather than after the whole run */
  if (!there)
    cli_fail ("There is no folder %s for the result: make it first.", folder);
  g_free (folder);
  if (!there)
    return NULL;
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
  if (o->start != NULL && strcmp (o->start, "noise") != 0 && (strcmp (o->start, "texton") != 0 || !r->texton))
    return cli_usage ("--start is noise or, with a model that has a texton, texton; not \"%s\".", o->start) == 0;
  if (o->start != NULL ? strcmp (o->start, "noise") == 0 : o->spacing != NULL)   /* a spacing over all T steps */
    r->texton = false;
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
  char   *text, *wrong = NULL, **parts;
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
      char  *end   = NULL;
      double sigma = g_ascii_strtod (parts[i], &end);

      if (*end != '\0' && wrong == NULL)
        wrong = g_strdup (parts[i]);
      if (end != parts[i])
        g_array_append_val (list, sigma);
    }
  g_strfreev (parts);
  g_free (text);
  r->num_sigmas = (int) list->len;
  r->sigmas     = (double *) (void *) g_array_free (list, FALSE);
  if (wrong != NULL)
    {
      cli_fail ("--sigmas: \"%s\" in %s is not a number.", wrong, o->sigmas);
      g_free (wrong);
      return FALSE;
    }
  if (r->num_sigmas == 0)
    return cli_fail ("--sigmas: %s holds no numbers.", o->sigmas) == 0;
  return TRUE;
}

/* --t of a partial run: a whole number that the model has, and the first of --timesteps. false: told. */
static gboolean
check_start (const cli_options *o, const df_model *model, const df_request *r)
{
  int T = df_model_describe (model)->num_train_timesteps;

  if (o->t == UNSET_DOUBLE)
    return TRUE;
  if (o->t < 0 || o->t > T - 1 || o->t != floor (o->t))
    return cli_usage ("--t must be a whole number from 0 to %d; it is %g.", T - 1, o->t) == 0;
  if (r->num_timesteps > 0 && r->timesteps[0] != (int) o->t)
    return cli_usage ("--timesteps must begin with --t: %d is not %g.", r->timesteps[0], o->t) == 0;
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

static gboolean
read_request (const cli_options *o, const df_model *model, gboolean partial, df_request *r, int *status)
{
  df_error err;

  *status = 2;
  if (!parse_timesteps (o, r) || (partial && !check_start (o, model, r)))
    return FALSE;
  set_numbers (o, model, partial, r);
  if (!parse_words (o, partial, r) || !parse_places (o, r))
    return FALSE;
  if (df_model_class (model, o->class_name, &r->label, &err) != DF_OK)
    return cli_usage ("%s", err.text) == 0;
  if (o->compat != NULL && o->guidance != UNSET_DOUBLE && o->guidance != 1.0)
    return cli_usage ("--guidance cannot be used with --compat diffusers: its pipelines have none.") == 0;
  *status = 1;
  return parse_sigmas (o, r);
}

gboolean
cli_request (const cli_options *o, const df_model *model, gboolean partial, df_request *r, int *status)
{
  df_request_default (model, r);
  if (read_request (o, model, partial, r, status))
    return TRUE;
  cli_request_clear (r);
  return FALSE;
}

void
cli_request_clear (df_request *r)
{
  g_free ((void *) r->timesteps);
  g_free ((void *) r->sigmas);
  r->timesteps = NULL;
  r->sigmas    = NULL;
}
