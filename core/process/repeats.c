/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repeats: see repeats.h. On a picture of half the size: 5000 lags of it are a twentieth of a second. */
#include "process/repeats.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

#define PLACES  DF_REPEATS_PLACES
#define STEP    DF_REPEATS_STEP
#define SHORT   (16 / STEP)       /* nearer than this a texture is like itself anyway               */
#define OVERLAP 0.5               /* less of a side under its own copy says little                      */
#define AMONG   0.05f             /* from the strongest                                             */

typedef struct light
{
  float *pixels;                  /* [height,width] */
  int    width, height;
} light;

static light
light_of (const df_texton *k)
{
  light l = { NULL, k->width / STEP, k->height / STEP };

  l.pixels = df_alloc ((size_t) l.width * (size_t) l.height + 1, sizeof *l.pixels);
  for (int y = 0; l.pixels != NULL && y < l.height; y++)
    for (int x = 0; x < l.width; x++)
      for (int i = 0; i < STEP * STEP; i++)
        {
          size_t at = (size_t) (y * STEP + i / STEP) * (size_t) k->width + (size_t) (x * STEP + i % STEP);

          for (int c = 0; c < (k->channels < 3 ? 1 : 3); c++)
            l.pixels[(size_t) y * (size_t) l.width + (size_t) x] += k->kernel[at * (size_t) k->channels + (size_t) c];
        }
  return l;
}

/* Share of the windows' product that is left when one is moved. */
static double
overlap (int lag, int n)
{
  double sum = 0.0, whole = 0.0;

  for (int i = 0; i < n; i++)
    {
      double w = df_texton_window (i, n);

      whole += w * w;
      sum   += i + lag < n ? w * df_texton_window (i + lag, n) : 0.0;
    }
  return whole > 0.0 ? sum / whole : 0.0;
}

/* Pixels: the largest lag at which enough overlaps. */
static int
known_far (int n)
{
  int lag = 0;

  while (lag < PLACES && overlap (lag + 1, n) >= OVERLAP)
    lag++;
  return lag * STEP;
}

static double
product (const light *l, int dx, int dy)
{
  double sum = 0.0;

  for (int y = 0; y + dy < l->height; y++)
    {
      const float *a = l->pixels + (size_t) y * (size_t) l->width, *b = a + (size_t) dy * (size_t) l->width;
      float        row = 0.0f;

      for (int x = dx < 0 ? -dx : 0; x < (dx > 0 ? l->width - dx : l->width); x++)
        row += a[x] * b[x + dx];
      sum += row;
    }
  return sum;
}

df_status
df_repeats_make (df_repeats *out, const df_texton *k, df_error *err)
{
  light  l     = light_of (k);
  double whole = l.pixels != NULL ? product (&l, 0, 0) : 0.0;

  memset (out, 0, sizeof *out);
  if (l.pixels == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory: choose a smaller picture.");
  out->far_x = known_far (l.width);
  out->far_y = known_far (l.height);
  for (int dy = 0; dy <= PLACES; dy++)
    for (int dx = -PLACES; dx <= PLACES; dx++)
      {
        double left  = overlap (dx < 0 ? -dx : dx, l.width) * overlap (dy, l.height);
        bool   fine  = dx * STEP <= out->far_x && dx * STEP >= -out->far_x && dy * STEP <= out->far_y && whole > 0.0;
        float  value = fine ? (float) (product (&l, dx, dy) / whole / left) : 0.0f;

        out->at[dy][PLACES + dx] = value;
        out->strict |= value >= DF_REPEATS_STRONG && dx * dx + dy * dy >= SHORT * SHORT;
      }
  df_free (l.pixels);
  return DF_OK;
}

float
df_repeats_at (const df_repeats *r, double dx, double dy)
{
  double x = (dy < 0 ? -dx : dx) / STEP + PLACES, y = fabs (dy) / STEP, u, v;
  int    i = (int) floor (x), j = (int) y;

  if (i < 0 || i >= 2 * PLACES || j >= PLACES)
    return 0.0f;
  u = x - i;
  v = y - j;
  return (float) ((1 - v) * ((1 - u) * r->at[j][i] + u * r->at[j][i + 1]) +
                  v * ((1 - u) * r->at[j + 1][i] + u * r->at[j + 1][i + 1]));
}

static float
along (const df_repeats *r, bool vertical, int place)
{
  return vertical ? r->at[place][PLACES] : r->at[0][PLACES + place];
}

/* Places along an axis that are known. */
static int
known (const df_repeats *r, bool vertical)
{
  return (vertical ? r->far_y : r->far_x) / STEP;
}

/* The top of the parabola through three places around a peak. */
static double
top (const df_repeats *r, bool vertical, int i)
{
  float  left = along (r, vertical, i - 1), middle = along (r, vertical, i), right = along (r, vertical, i + 1);
  double bend = (double) left - 2.0 * middle + right;

  return i + (bend < 0.0 ? fmax (fmin (0.5 * (left - right) / bend, 0.5), -0.5) : 0.0);
}

/* A multiple of the period says it more exactly. */
static double
refined (const df_repeats *r, bool vertical, int first)
{
  double period = top (r, vertical, first);

  for (int n = 2; n * period < known (r, vertical) - 2; n++)
    {
      int at = (int) lround (n * period), best = at;

      for (int i = at - 1; i <= at + 1; i++)
        best = along (r, vertical, i) > along (r, vertical, best) ? i : best;
      period = top (r, vertical, best) / n;
    }
  return period;
}

double
df_repeats_period (const df_repeats *r, bool vertical)
{
  float best  = DF_REPEATS_STRONG;
  int   found = 0;

  for (int i = SHORT; i < known (r, vertical); i++)
    {
      float value = along (r, vertical, i);
      bool  peak  = value >= along (r, vertical, i - 1) && value >= along (r, vertical, i + 1);

      if (peak && (found == 0 ? value >= best : value > best + AMONG))
        {
          best  = value;
          found = i;
        }
    }
  return found > 0 ? refined (r, vertical, found) * STEP : 0.0;
}
