/* SPDX-License-Identifier: GPL-3.0-or-later */
/* args: see args.h. */
#include "args.h"

#define NOISED (PROCEDURE_DENOISE | PROCEDURE_VARIATIONS)
#define ALL    (PROCEDURE_GENERATE | NOISED)
#define AT(field) G_STRUCT_OFFSET (settings, field)

const arg_spec args_table[] = {
  { ALL, ARG_STRING, "model", "_Model", "Name of a model, or the path of a model folder (empty: the first one)", 0, "",
    AT (model) },
  { ALL, ARG_STRING, "class", "C_lass", "Class name or number of a class-conditional model (empty: none)", 0, "",
    AT (class_name) },
  { PROCEDURE_GENERATE, ARG_INT, "width", "_Width", "Pixels; 0: as wide as the selection, else as model and image suggest", 0,
    NULL, AT (width) },
  { PROCEDURE_GENERATE, ARG_INT, "height", "_Height", "Pixels; 0: as high as the selection, else as model and image suggest", 0,
    NULL, AT (height) },
  { NOISED, ARG_INT, "start-t", "_Noise level t", "Timestep to noise the selection to, 1 … T-1; 0: the model's "
    "own", 0, NULL, AT (start_t) },
  { PROCEDURE_VARIATIONS, ARG_STRING, "levels", "_Noise levels", "Several t instead of start-t, such as 300, 500, 700", 0, "",
    AT (levels) },
  { ALL, ARG_STRING, "sampler", "Sa_mpler", "auto, ddim or ddpm", 0, "auto", AT (sampler) },
  { ALL, ARG_INT, "steps", "S_teps", "Network evaluations; 0: the model's own", 0, NULL, AT (steps) },
  { NOISED, ARG_STRING, "spacing", "S_pacing", "linear or quad (more steps near the end); empty: the model's "
    "own", 0, "", AT (spacing) },
  { ALL, ARG_DOUBLE, "eta", "_Eta", "0: deterministic DDIM … 1: as much noise as DDPM", 0, NULL, AT (eta) },
  { ALL, ARG_INT, "seed", "See_d", "0 … 2147483647; the same seed gives the same picture", 0, NULL, AT (seed) },
  { ALL, ARG_BOOLEAN, "random-seed", "Random s_eed", "Take a new seed each time", 0, NULL, AT (random_seed) },
  { PROCEDURE_GENERATE, ARG_INT, "count", "_Number of layers", "With seeds seed, seed + 1, …", 1, NULL, AT (count) },
  { PROCEDURE_VARIATIONS, ARG_INT, "count", "_Number of seeds", "seed, seed + 1, … for each noise level", 4, NULL,
    AT (count) },
  { ALL, ARG_BOOLEAN, "tile-horizontal", "Seamless _horizontally", "Left and right edges fit together", 0, NULL,
    AT (tile_horizontal) },
  { ALL, ARG_BOOLEAN, "tile-vertical", "Seamless _vertically", "Top and bottom edges fit together", 0, NULL,
    AT (tile_vertical) },
  { ALL, ARG_DOUBLE, "guidance", "_Guidance scale", "1: off; more: closer to the class", 1, NULL, AT (guidance) },
  { PROCEDURE_GENERATE, ARG_STRING, "output", "_Output", "layer, or pattern (among GIMP's patterns; seamless both ways)", 0,
    "layer", AT (output) },
  { PROCEDURE_DENOISE, ARG_STRING, "output", "_Output", "replace (the layer's pixels) or new-layer", 0, "replace",
    AT (output) },
  { NOISED, ARG_STRING, "edge", "Ed_ge", "noise-level (a half selected pixel is half denoised) or blend", 0,
    "noise-level", AT (edge) },
  { NOISED, ARG_DOUBLE, "feather", "_Feather", "Pixels inwards, for noise-level; -1: 3 where the selection is "
    "hard, else 0", -1, NULL, AT (feather) },
  { ALL | PROCEDURE_TRAIN, ARG_INT, "memory-mb", "Memory _cap (MB)", "0: half of the free memory", 0, NULL, AT (memory_mb) },
  { PROCEDURE_TRAIN, ARG_STRING, "name", "_Name", "Of the new model; empty: that of the image or layer", 0, "", AT (name) },
  { PROCEDURE_TRAIN, ARG_STRING, "base", "Start _from", "Name or path of the model to start from (empty: from nothing, a small "
    "network)", 0, "materials-64", AT (base) },
  { PROCEDURE_TRAIN, ARG_DOUBLE, "minutes", "_Minutes", "How long to train", 3, NULL, AT (minutes) },
  { PROCEDURE_TRAIN, ARG_INT, "patch-size", "_Patch size", "Side of the squares that are learned from, in pixels; 0: "
    "automatic", 0, NULL, AT (patch_size) },
  { PROCEDURE_TRAIN, ARG_BOOLEAN, "resume", "_Go on", "Go on with the model of this name, which was stopped", 0, NULL,
    AT (resume) },
  { PROCEDURE_TRAIN, ARG_BOOLEAN, "exclude-selection", "Leave out the _selection", "Learn from all but the selection", 0,
    NULL, AT (exclude_selection) },
};
const gsize args_count = G_N_ELEMENTS (args_table);

void
args_register (GimpProcedure *procedure, procedure_kind kind)
{
  for (gsize i = 0; i < args_count; i++)
    {
      const arg_spec *a = &args_table[i];

      if (!(a->kinds & kind))
        continue;
      switch (a->type)
        {
        case ARG_STRING:
          gimp_procedure_add_string_argument (procedure, a->name, a->nick, a->blurb, a->word, G_PARAM_READWRITE);
          break;
        case ARG_INT:
          gimp_procedure_add_int_argument (procedure, a->name, a->nick, a->blurb, G_MININT, G_MAXINT,
                                           (int) a->standard, G_PARAM_READWRITE);
          break;
        case ARG_DOUBLE:
          gimp_procedure_add_double_argument (procedure, a->name, a->nick, a->blurb, -1e9, 1e9, a->standard,
                                              G_PARAM_READWRITE);
          break;
        default:
          gimp_procedure_add_boolean_argument (procedure, a->name, a->nick, a->blurb, a->standard != 0,
                                               G_PARAM_READWRITE);
          break;
        }
    }
}

int
args_roll_seed (GimpProcedureConfig *config)
{
  int seed = g_random_int_range (0, G_MAXINT32 - COUNT_MAX);

  g_object_set (config, "seed", seed, NULL);
  return seed;
}

settings
args_read (GimpProcedureConfig *config, procedure_kind kind)
{
  settings s = { .kind = kind };

  for (gsize i = 0; i < args_count; i++)
    {
      const arg_spec *a = &args_table[i];

      if (a->kinds & kind)
        g_object_get (config, a->name, G_STRUCT_MEMBER_P (&s, a->offset), NULL);
    }
  for (gsize i = 0; i < args_count; i++)     /* an unset string arrives as NULL */
    if (args_table[i].type == ARG_STRING && G_STRUCT_MEMBER (char *, &s, args_table[i].offset) == NULL)
      G_STRUCT_MEMBER (char *, &s, args_table[i].offset) = g_strdup ("");
  return s;
}

settings
settings_copy (const settings *s)
{
  settings copy = *s;

  for (gsize i = 0; i < args_count; i++)
    if (args_table[i].type == ARG_STRING)
      {
        char *original = G_STRUCT_MEMBER (char *, s, args_table[i].offset);
        char **own     = &G_STRUCT_MEMBER (char *, &copy, args_table[i].offset);

        if (*own == original)     /* two rows may share a field */
          *own = g_strdup (original);
      }
  return copy;
}

void
settings_clear (settings *s)
{
  for (gsize i = 0; i < args_count; i++)
    if (args_table[i].type == ARG_STRING)
      g_clear_pointer (&G_STRUCT_MEMBER (char *, s, args_table[i].offset), g_free);
}
