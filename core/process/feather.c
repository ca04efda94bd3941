/* SPDX-License-Identifier: GPL-3.0-or-later */
/* feather: an inner feather by distance. A pixel d away from the nearest pixel outside the selection (centre to
 * centre, so d ≥ 1) keeps the share smoothstep (d/(px + 1)) of its value: 0 is never reached inside, 1 is from px + 1 on.
 * Distances are exact Euclidean (Felzenszwalb & Huttenlocher 2012: lower envelope of parabolas, rows after columns). */
#include "base/alloc.h"
#include "base/status.h"

#include <math.h>

#define FAR 1e20

static bool
is_hard (const float *mask, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (mask[i] > 0.0f && mask[i] < 1.0f)
      return false;
  return true;
}

typedef struct envelope
{
  double *f, *d;      /* one line: input, output */
  double *from;       /* where parabola k starts */
  int    *at;         /* its vertex              */
} envelope;

static double
crossing (const double *f, int q, int v)
{
  return ((f[q] + (double) q * q) - (f[v] + (double) v * v)) / (2.0 * (q - v));
}

static void
transform_line (const envelope *e, int n)
{
  int k = 0;

  e->at[0]   = 0;
  e->from[0] = -FAR;
  e->from[1] = FAR;
  for (int q = 1; q < n; q++)
    {
      double s = crossing (e->f, q, e->at[k]);

      while (s <= e->from[k])
        s = crossing (e->f, q, e->at[--k]);
      e->at[++k]     = q;
      e->from[k]     = s;
      e->from[k + 1] = FAR;
    }
  k = 0;
  for (int q = 0; q < n; q++)
    {
      while (e->from[k + 1] < q)
        k++;
      e->d[q] = (double) (q - e->at[k]) * (q - e->at[k]) + e->f[e->at[k]];
    }
}

/* Squared distance to the nearest 0 of the mask, in place of `squares`. */
static void
distances (const envelope *e, double *squares, int width, int height)
{
  for (int x = 0; x < width; x++)
    {
      for (int y = 0; y < height; y++)
        e->f[y] = squares[(size_t) y * (size_t) width + (size_t) x];
      transform_line (e, height);
      for (int y = 0; y < height; y++)
        squares[(size_t) y * (size_t) width + (size_t) x] = e->d[y];
    }
  for (int y = 0; y < height; y++)
    {
      double *row = squares + (size_t) y * (size_t) width;

      for (int x = 0; x < width; x++)
        e->f[x] = row[x];
      transform_line (e, width);
      for (int x = 0; x < width; x++)
        row[x] = e->d[x];
    }
}

df_status
df_feather (float *mask, int width, int height, double px, df_error *err)
{
  size_t   n       = (size_t) width * (size_t) height;
  size_t   line    = (size_t) (width > height ? width : height) + 2;
  double   reach   = px < 0.0 ? (is_hard (mask, n) ? 3.0 : 0.0) : px;
  double  *squares;
  envelope e;

  if (reach <= 0.0)
    return DF_OK;
  squares = df_alloc (n, sizeof *squares);
  e = (envelope) { df_alloc (line, sizeof (double)), df_alloc (line, sizeof (double)),
                   df_alloc (line, sizeof (double)), df_alloc (line, sizeof (int)) };
  if (squares != NULL && e.f != NULL && e.d != NULL && e.from != NULL && e.at != NULL)
    {
      for (size_t i = 0; i < n; i++)
        squares[i] = mask[i] > 0.0f ? FAR : 0.0;
      distances (&e, squares, width, height);
      for (size_t i = 0; i < n; i++)
        {
          double u = fmin (sqrt (squares[i]) / (reach + 1.0), 1.0);

          mask[i] = (float) (mask[i] * u * u * (3.0 - 2.0 * u));
        }
      px = 0.0;
    }
  df_free (squares);
  df_free (e.f);
  df_free (e.d);
  df_free (e.from);
  df_free (e.at);
  return px == 0.0 ? DF_OK : df_fail (err, DF_ERROR_MEMORY, "Out of memory for the feather.");
}
