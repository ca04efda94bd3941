/* SPDX-License-Identifier: GPL-3.0-or-later */
/* timesteps: see timesteps.h. Rounding is to the nearest, ties to even, as numpy's. */
#include "process/timesteps.h"

#include "base/alloc.h"

#include <math.h>

static df_status
allocate (df_timesteps *out, int steps, df_error *err)
{
  *out = (df_timesteps) { df_alloc ((size_t) steps + 1, sizeof (int)), steps };
  if (out->t == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory for the list of timesteps.");
  out->t[steps] = -1;
  return DF_OK;
}

/* Entry i (0 = first visited) as diffusers and the DDIM authors compute it. */
static int
whole_at (df_spacing spacing, int T, int steps, int offset, int i)
{
  int    from_end = steps - 1 - i;
  double ratio    = (double) T / steps, root;

  switch (spacing)
    {
    case DF_SPACING_TRAILING:
      return (int) nearbyint (T - i * ratio) - 1;
    case DF_SPACING_LINSPACE:
      return steps == 1 ? 0 : (int) nearbyint (from_end * ((T - 1.0) / (steps - 1)));
    case DF_SPACING_QUAD:
      root = steps == 1 ? 0.0 : from_end * (sqrt (0.8 * T) / (steps - 1));
      return (int) (root * root + 1e-9);
    default:
      return from_end * (T / steps) + offset;
    }
}

static void
drop_repeated (df_timesteps *list)
{
  int kept = 0;

  for (int i = 0; i < list->count; i++)
    if (kept == 0 || list->t[i] < list->t[kept - 1])
      list->t[kept++] = list->t[i];
  list->count   = kept;
  list->t[kept] = -1;
}

df_status
df_timesteps_whole (df_timesteps *out, df_spacing spacing, int T, int steps, int offset, df_error *err)
{
  if (steps < 1 || steps > T)
    return df_fail (err, DF_ERROR_ARGUMENT, "steps must be from 1 to %d; it is %d.", T, steps);
  if (spacing == DF_SPACING_LINEAR)
    return df_fail (err, DF_ERROR_ARGUMENT,
                    "spacing linear is for partial denoising; from pure noise use leading, trailing, linspace or quad.");
  if (spacing == DF_SPACING_LEADING && (steps - 1) * (T / steps) + offset > T - 1)
    return df_fail (err, DF_ERROR_ARGUMENT,
                    "%d leading steps with steps_offset %d would start behind t = %d: take fewer steps, or trailing.",
                    steps, offset, T - 1);
  DF_TRY (allocate (out, steps, err));
  for (int i = 0; i < steps; i++)
    out->t[i] = whole_at (spacing, T, steps, offset, i);
  drop_repeated (out);
  return DF_OK;
}

df_status
df_timesteps_partial (df_timesteps *out, df_spacing spacing, int start, int steps, df_error *err)
{
  if (steps < 1 || steps > start + 1)
    return df_fail (err, DF_ERROR_ARGUMENT, "steps must be from 1 to t + 1 (%d) at this noise level; it is %d.", start + 1,
                    steps);
  if (spacing != DF_SPACING_LINEAR && spacing != DF_SPACING_QUAD)
    return df_fail (err, DF_ERROR_ARGUMENT, "spacing must be linear or quad for partial denoising.");
  DF_TRY (allocate (out, steps, err));
  for (int i = 0; i < steps; i++)
    {
      double part = (double) (steps - i) / steps;
      int    t    = (int) nearbyint ((start + 1) * (spacing == DF_SPACING_QUAD ? part * part : part)) - 1;
      int    least = steps - 1 - i;    /* room for the entries that follow */

      out->t[i] = t > least ? t : least;
    }
  return DF_OK;
}

df_status
df_timesteps_given (df_timesteps *out, const int *list, int count, int T, df_error *err)
{
  if (count < 1)
    return df_fail (err, DF_ERROR_ARGUMENT, "The list of timesteps is empty.");
  for (int i = 0; i < count; i++)
    if (list[i] < 0 || list[i] >= T || (i > 0 && list[i] >= list[i - 1]))
      return df_fail (err, DF_ERROR_ARGUMENT,
                      "Timesteps must descend and lie from %d to 0; entry %d is %d.", T - 1, i + 1, list[i]);
  DF_TRY (allocate (out, count, err));
  for (int i = 0; i < count; i++)
    out->t[i] = list[i];
  return DF_OK;
}

void
df_timesteps_clear (df_timesteps *list)
{
  df_free (list->t);
  *list = (df_timesteps) { NULL, 0 };
}
