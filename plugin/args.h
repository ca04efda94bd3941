/* SPDX-License-Identifier: GPL-3.0-or-later */
/* args: the arguments of all procedures (DESIGN §5) in one table: registered from it, read from it, written to recipes
 * from it. Ranges are declared wide and words are plain strings, so that a wrong value reaches our own checks and texts. */
#ifndef PLUGIN_ARGS_H
#define PLUGIN_ARGS_H

#include <libgimp/gimp.h>

#include "core/diffusion.h"

#define COUNT_MAX 100     /* layers of one call */
#define MINUTES_MAX 10000 /* of training        */
#define PATCH_MIN 16
#define PATCH_MAX 256

typedef enum procedure_kind
{
  PROCEDURE_GENERATE   = 1 << 0,
  PROCEDURE_DENOISE    = 1 << 1,
  PROCEDURE_VARIATIONS = 1 << 2,
  PROCEDURE_RERUN      = 1 << 3,     /* has no arguments: they are in the recipe */
  PROCEDURE_TRAIN      = 1 << 4,
  PROCEDURE_MODELS     = 1 << 5      /* neither                                  */
} procedure_kind;

typedef struct settings
{
  procedure_kind kind;
  char    *model, *class_name, *sampler, *spacing, *output, *edge, *levels;    /* never NULL */
  int      width, height, start_t, steps, seed, count, memory_mb;
  gboolean random_seed, tile_horizontal, tile_vertical;
  double   eta, guidance, feather;
  char    *name, *base;                                               /* train */
  double   minutes;
  int      patch_size;
  gboolean resume, exclude_selection;
  /* not arguments; set by a rerun */
  df_rect  within;        /* generate: the place; denoise: nothing beyond counts as selected; width 0: unset */
  int      stop_after;    /* whole steps, 0: all */
  char     selected[33];  /* denoise: checksum of what was selected then, "" unknown */
} settings;

typedef enum arg_type { ARG_STRING, ARG_INT, ARG_DOUBLE, ARG_BOOLEAN } arg_type;

typedef struct arg_spec
{
  int         kinds;         /* procedures that have it                   */
  arg_type    type;
  const char *name, *nick, *blurb;
  double      standard;      /* of a number                               */
  const char *word;          /* of a string                               */
  gsize       offset;        /* in settings                               */
} arg_spec;

extern const arg_spec args_table[];
extern const gsize    args_count;

void      args_register  (GimpProcedure *procedure, procedure_kind kind);
/* Another seed, on the config too: Repeat and recipes name it. There is room for COUNT_MAX seeds after it. */
int       args_roll_seed (GimpProcedureConfig *config);
settings  args_read      (GimpProcedureConfig *config, procedure_kind kind);
settings  settings_copy  (const settings *s);
void      settings_clear (settings *s);

#endif
