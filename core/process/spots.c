/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spots: see spots.h. The plane is divided into cells with the same number of spots each. */
#include "process/spots.h"

#include "base/alloc.h"
#include "process/repeats.h"

#include <math.h>
#include <string.h>
#include <Random123/philox.h>

#define CELL       64            /* pixels, nearly, where an axis is tiled                                        */
#define SPOTS      4             /* in a cell: a texton of 256 × 256 then has 64 over every pixel: Gaussian      */
#define CANDIDATES 256           /* places that a spot of a strict pattern chooses from: one within 2 pixels     */
#define ROUNDS     2
#define NEAR       2             /* cells: no repetition is known farther away                                   */
#define STRETCH    0.08
#define KEY_WORD   0x74787475u   /* "txtu" */

typedef struct axis
{
  int origin, size, period;      /* of the canvas; period 0: not tiled                                           */
  int first, count;              /* cells whose spots may reach the canvas                                       */
} axis;

typedef struct spot
{
  int   x, y;
  float sign;                    /* 0: not yet placed                                                            */
} spot;

typedef struct field
{
  df_texton  k;                  /* stretched, owned                                                             */
  axis       x, y;
  double     stretch_x, stretch_y;
  df_repeats repeats;
  spot      *spots;              /* [SPOTS, y.count, x.count]                                                    */
} field;

static int
floor_div (int a, int b)
{
  return a / b - (a % b < 0);
}

static axis
axis_of (int origin, int size, bool tile, int period, int reach)
{
  axis a = { .origin = origin, .size = size };

  if (tile)
    {
      a.period = period > 0 ? period : size;
      a.count  = a.period < CELL ? 1 : (a.period + CELL / 2) / CELL;
      return a;
    }
  a.first = floor_div (origin - reach + 1, CELL);
  a.count = floor_div (origin + size - 1, CELL) - a.first + 1;
  return a;
}

/* Where a cell begins. */
static int
edge (const axis *a, int cell)
{
  return a->period > 0 ? (int) ((int64_t) a->period * cell / a->count) : (a->first + cell) * CELL;
}

static double
side (const axis *a)
{
  return a->period > 0 ? (double) a->period / a->count : CELL;
}

static int
place_in (const axis *a, int cell, uint32_t word)
{
  int start = edge (a, cell);

  return start + (int) (((uint64_t) word * (uint64_t) (edge (a, cell + 1) - start)) >> 32);
}

/* The canvas's pixel there, -1 beyond it. */
static int
on_canvas (const axis *a, int at)
{
  at -= a->origin;
  if (a->period > 0)
    at = (at % a->period + a->period) % a->period;
  return at < a->size ? at : -1;
}

/* ------------------------------------------------------------------ stretching */

/* So that a tiled axis holds a whole number of the pattern's periods. */
static double
stretch_of (const axis *a, double period)
{
  double stretch = a->period > 0 && period > 0.0 ? a->period / (fmax (round (a->period / period), 1.0) * period) : 1.0;

  return fabs (stretch - 1.0) <= STRETCH ? stretch : 1.0;
}

static float
between (const df_texton *k, double x, double y, int c)
{
  int    x0 = (int) x, y0 = (int) y, x1 = x0 + 1 < k->width ? x0 + 1 : x0, y1 = y0 + 1 < k->height ? y0 + 1 : y0;
  size_t n = (size_t) k->channels, row = (size_t) k->width * n;
  double u = x - x0, v = y - y0;
  const float *a = k->kernel + (size_t) c;

  return (float) ((1 - v) * ((1 - u) * a[(size_t) y0 * row + (size_t) x0 * n] + u * a[(size_t) y0 * row + (size_t) x1 * n]) +
                  v * ((1 - u) * a[(size_t) y1 * row + (size_t) x0 * n] + u * a[(size_t) y1 * row + (size_t) x1 * n]));
}

static int
stretched (int side, double stretch)
{
  return (int) fmax (side * stretch, 1.0);
}

/* f->k is the texton stretched; the sum of its squares stays. */
static df_status
stretch_texton (field *f, const df_texton *k, df_error *err)
{
  float  scale = (float) (1.0 / sqrt (f->stretch_x * f->stretch_y));
  float *out;

  f->k        = *k;
  f->k.width  = stretched (k->width, f->stretch_x);
  f->k.height = stretched (k->height, f->stretch_y);
  out = f->k.kernel = df_alloc ((size_t) f->k.width * (size_t) f->k.height * (size_t) k->channels, sizeof *out);
  if (out == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory: choose a smaller picture.");
  for (int y = 0; y < f->k.height; y++)
    for (int x = 0; x < f->k.width; x++)
      for (int c = 0; c < k->channels; c++)
        *out++ = scale * between (k, fmin (x / f->stretch_x, k->width - 1), fmin (y / f->stretch_y, k->height - 1), c);
  return DF_OK;
}

/* ------------------------------------------------------------------ placing */

static int
wrapped (int far, int period)
{
  if (period == 0)
    return far;
  far = (far % period + period) % period;
  return far > period / 2 ? far - period : far;
}

static spot *
spot_at (const field *f, int i, int j, int n)
{
  return &f->spots[((size_t) n * (size_t) f->y.count + (size_t) j) * (size_t) f->x.count + (size_t) i];
}

/* The cells along an axis that are near one: first and how many; on a tiled axis modulo its count. */
static int
near_cells (const axis *a, int cell, int *first)
{
  if (a->count <= 2 * NEAR + 1)
    {
      *first = 0;
      return a->count;
    }
  *first = cell - NEAR;
  if (a->period > 0)
    return 2 * NEAR + 1;
  *first = *first < 0 ? 0 : *first;
  return (cell + NEAR < a->count ? cell + NEAR : a->count - 1) - *first + 1;
}

/* How well a spot there agrees with those placed so far: what their repetition has beyond STRONG, in the mean over those that
 * are near enough to tell (a sum would heap all spots up). */
static double
agreement (const field *f, int i, int j, int x, int y)
{
  int    first_x, first_y, nx = near_cells (&f->x, i, &first_x), ny = near_cells (&f->y, j, &first_y);
  double sum = 0.0;
  int    count = 0;

  for (int n = 0; n < SPOTS; n++)
    for (int v = 0; v < ny; v++)
      for (int u = 0; u < nx; u++)
        {
          const spot *s = spot_at (f, (first_x + u + f->x.count) % f->x.count, (first_y + v + f->y.count) % f->y.count, n);
          double      dx = wrapped (x - s->x, f->x.period) / f->stretch_x, dy = wrapped (y - s->y, f->y.period) / f->stretch_y;

          if (s->sign == 0.0f || fabs (dx) > f->repeats.far_x || fabs (dy) > f->repeats.far_y)
            continue;
          sum += fmaxf (df_repeats_at (&f->repeats, dx, dy) - DF_REPEATS_STRONG, 0.0f);
          count++;
        }
  return count > 0 ? sum / count : 0.0;
}

/* A strict pattern's copies have one sign: a lattice and its negative do not agree anywhere. */
static spot
choose_spot (const field *f, int i, int j, int n, uint32_t seed)
{
  philox4x32_key_t key  = { { seed, KEY_WORD } };
  spot             best = { 0 };
  double           most = -1.0;

  for (uint32_t c = 0; c < (f->repeats.strict ? CANDIDATES : 1); c++)
    {
      philox4x32_ctr_t counter = { { (uint32_t) (f->x.first + i), (uint32_t) (f->y.first + j), (uint32_t) n, c } };
      philox4x32_ctr_t words   = philox4x32 (counter, key);
      int              x = place_in (&f->x, i, words.v[0]), y = place_in (&f->y, j, words.v[1]);
      double           agrees = f->repeats.strict ? agreement (f, i, j, x, y) : 0.0;

      if (agrees > most)
        {
          most = agrees;
          best = (spot) { x, y, f->repeats.strict || (words.v[2] & 1) ? 1.0f : -1.0f };
        }
    }
  return best;
}

/* ------------------------------------------------------------------ adding up */

static void
add_spot (const field *f, const spot *s, float *out)
{
  size_t       c      = (size_t) f->k.channels;
  const float *kernel = f->k.kernel;

  for (int dy = 0; dy < f->k.height; dy++)
    {
      int row = on_canvas (&f->y, s->y + dy);

      for (int dx = 0; dx < f->k.width; dx++, kernel += c)
        {
          int    column = row >= 0 ? on_canvas (&f->x, s->x + dx) : -1;
          float *pixel;

          if (column < 0)
            continue;
          pixel = out + ((size_t) row * (size_t) f->x.size + (size_t) column) * c;
          for (size_t i = 0; i < c; i++)
            pixel[i] += s->sign * kernel[i];
        }
    }
}

static double
squares (const float *x, size_t n)
{
  double sum = 0.0;

  for (size_t i = 0; i < n; i++)
    sum += (double) x[i] * x[i];
  return sum;
}

/* To the variance of the picture: copies that agree add up to more than the square root of their number. */
static void
finish (const field *f, float *out, size_t pixels)
{
  size_t c      = (size_t) f->k.channels, n = pixels * c;
  double wanted = squares (f->k.kernel, (size_t) f->k.width * (size_t) f->k.height * c);
  double found = squares (out, n) / (double) pixels, scale = sqrt (side (&f->x) * side (&f->y) / SPOTS);

  if (found * scale * scale > wanted)
    scale = sqrt (wanted / found);
  for (size_t i = 0; i < n; i++)
    out[i] = f->k.mean[i % c] + (float) scale * out[i];
}

/* The first spots of a strict pattern agree with few others; so all choose again. */
static void
place_spots (field *f, uint32_t seed)
{
  memset (f->spots, 0, (size_t) f->x.count * (size_t) f->y.count * SPOTS * sizeof *f->spots);
  for (int round = 0; round < (f->repeats.strict ? ROUNDS : 1); round++)
    for (int n = 0; n < SPOTS; n++)
      for (int j = 0; j < f->y.count; j++)
        for (int i = 0; i < f->x.count; i++)
          {
            spot *s = spot_at (f, i, j, n);

            s->sign = 0.0f;
            *s      = choose_spot (f, i, j, n, seed);
          }
}

static void
draw (field *f, uint32_t seed, float *out)
{
  size_t pixels = (size_t) f->x.size * (size_t) f->y.size, count = (size_t) f->x.count * (size_t) f->y.count * SPOTS;

  place_spots (f, seed);
  memset (out, 0, pixels * (size_t) f->k.channels * sizeof *out);
  for (size_t i = 0; i < count; i++)
    add_spot (f, &f->spots[i], out);
  finish (f, out, pixels);
}

static axis
axis_x (const df_texton *k, const df_request *r, double stretch)
{
  return axis_of (r->origin_x, r->width, r->tile_x, r->period_x, stretched (k->width, stretch));
}

static axis
axis_y (const df_texton *k, const df_request *r, double stretch)
{
  return axis_of (r->origin_y, r->height, r->tile_y, r->period_y, stretched (k->height, stretch));
}

static df_status
build (field *f, const df_texton *k, const df_request *r, df_error *err)
{
  DF_TRY (df_repeats_make (&f->repeats, k, err));
  f->x         = axis_x (k, r, 1.0);
  f->y         = axis_y (k, r, 1.0);
  f->stretch_x = stretch_of (&f->x, df_repeats_period (&f->repeats, false));
  f->stretch_y = stretch_of (&f->y, df_repeats_period (&f->repeats, true));
  f->x         = axis_x (k, r, f->stretch_x);
  f->y         = axis_y (k, r, f->stretch_y);
  DF_TRY (stretch_texton (f, k, err));
  f->spots = df_alloc ((size_t) f->x.count * (size_t) f->y.count * SPOTS, sizeof *f->spots);
  return f->spots != NULL ? DF_OK : df_fail (err, DF_ERROR_MEMORY, "Out of memory: choose a smaller picture.");
}

df_status
df_spots (const df_texton *k, const df_request *r, uint64_t seed, float *out, df_error *err)
{
  field    *f      = df_alloc (1, sizeof *f);
  size_t    row    = (size_t) r->width * (size_t) r->height * (size_t) k->channels;
  df_status status = f != NULL ? build (f, k, r, err) : df_fail (err, DF_ERROR_MEMORY, "Out of memory: choose a smaller picture.");

  for (int b = 0; b < r->batch && status == DF_OK; b++)
    draw (f, (uint32_t) (seed + (uint64_t) b), out + (size_t) b * row);
  if (f != NULL)
    {
      df_texton_clear (&f->k);
      df_free (f->spots);
      df_free (f);
    }
  return status;
}

size_t
df_spots_bytes (const df_texton *k, const df_request *r)
{
  axis x = axis_x (k, r, 1.0 + STRETCH), y = axis_y (k, r, 1.0 + STRETCH);

  return sizeof (field) + (size_t) x.count * (size_t) y.count * SPOTS * sizeof (spot) +
         (size_t) stretched (k->width, 1.0 + STRETCH) * (size_t) stretched (k->height, 1.0 + STRETCH) * (size_t) k->channels *
           sizeof (float);
}
