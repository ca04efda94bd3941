/* SPDX-License-Identifier: GPL-3.0-or-later */
/* noised: see noised.h. Levels come from a table over the mask: 8-bit selections have no more values. */
#include "noised.h"

#include <string.h>

#define LEVELS 256

typedef struct share { float keep, noise; } share;

/* For selection values 0, 1/255 … 1 the share of x_0 and of ε. */
static void
fill_table (const noised *n, const df_model *model, int t, share table[LEVELS])
{
  for (int i = 0; i < LEVELS; i++)
    {
      double   s     = i / (LEVELS - 1.0);
      df_level level = df_level_at (model, n->blend ? t : s * (t + 1) - 1.0);

      table[i] = n->blend ? (share) { (float) (1.0 - s + s * level.sqrt_alpha), (float) (s * level.sqrt_sigma) }
                          : (share) { (float) level.sqrt_alpha, (float) level.sqrt_sigma };
    }
}

static const share *
share_of (const share table[LEVELS], float s)
{
  return &table[(int) (CLAMP (s, 0.0f, 1.0f) * (LEVELS - 1) + 0.5f)];
}

void
noised_draw (noised *n, const df_model *model, const df_request *request, int seed)
{
  df_request r = *request;
  int        T = df_model_describe (model)->num_train_timesteps;
  gsize      count = (gsize) n->width * n->height * n->channels;
  float      scale = (float) (1.0 / df_level_at (model, T - 1).sqrt_sigma);

  r.width  = n->width;
  r.height = n->height;
  r.batch  = 1;
  g_free (n->noise);
  n->noise = g_new0 (float, count);
  /* noised black is noise alone */
  if (df_noise (model, &r, T - 1, (guint64) seed, n->noise, n->noise, NULL) != DF_OK)
    memset (n->noise, 0, count * sizeof *n->noise);
  for (gsize i = 0; i < count; i++)
    n->noise[i] *= scale;
}

void
noised_at (const noised *n, const df_model *model, int t, float *out)
{
  share table[LEVELS];

  fill_table (n, model, t, table);
  for (gsize i = 0, at = 0; i < (gsize) n->width * n->height; i++)
    {
      const share *s = share_of (table, n->mask[i]);

      for (int c = 0; c < n->channels; c++, at++)
        out[at] = s->keep * n->x0[at] + s->noise * n->noise[at];
    }
}

void
noised_map (const noised *n, const df_model *model, int t, float *out)
{
  share table[LEVELS];

  fill_table (n, model, t, table);
  for (gsize i = 0; i < (gsize) n->width * n->height; i++)
    out[i] = 2.0f * share_of (table, n->mask[i])->noise - 1.0f;
}

void
noised_clear (noised *n)
{
  g_clear_pointer (&n->x0, g_free);
  g_clear_pointer (&n->mask, g_free);
  g_clear_pointer (&n->noise, g_free);
}
