/* SPDX-License-Identifier: GPL-3.0-or-later */
/* words: the enums of diffusion.h as they stand on command lines and in procedures. */
#include "diffusion.h"

#include <string.h>

static const char *const samplers[]    = { "ddim", "ddpm", NULL };
static const char *const spacings[]    = { "leading", "trailing", "linspace", "linear", "quad", NULL };
static const char *const variances[]   = { "fixed-small", "fixed-large", "sigma-hat", NULL };
static const char *const clips[]       = { "none", "clip", "rederive", NULL };
static const char *const rngs[]        = { "philox", "torch", NULL };
static const char *const predictions[] = { "epsilon", "v_prediction", "sample" };

static int
find (const char *const *words, const char *word)
{
  for (int i = 0; word != NULL && words[i] != NULL; i++)
    if (strcmp (words[i], word) == 0)
      return i;
  return -1;
}

#define PARSE(name, type, words)               \
  bool name (const char *word, type *out)      \
  {                                            \
    int i = find (words, word);                \
                                               \
    if (i >= 0)                                \
      *out = (type) i;                         \
    return i >= 0;                             \
  }

PARSE (df_sampler_parse, df_sampler, samplers)
PARSE (df_spacing_parse, df_spacing, spacings)
PARSE (df_variance_parse, df_variance, variances)
PARSE (df_clip_parse, df_clip, clips)
PARSE (df_rng_parse, df_rng, rngs)

const char *
df_sampler_word (df_sampler value)
{
  return samplers[value];
}

const char *
df_spacing_word (df_spacing value)
{
  return spacings[value];
}

const char *
df_variance_word (df_variance value)
{
  return variances[value];
}

const char *
df_clip_word (df_clip value)
{
  return clips[value];
}

const char *
df_prediction_word (df_prediction value)
{
  return predictions[value];
}
