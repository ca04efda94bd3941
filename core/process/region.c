/* SPDX-License-Identifier: GPL-3.0-or-later */
/* region: what of a picture the network sees around a selection (DESIGN §5). Real pixels first: the canvas grows by
 * the context on each side as far as the drawable reaches, then up to the next multiple, into the drawable
 * where there is room, beyond its right or bottom edge (mirrored) where there is none. */
#include "base/alloc.h"
#include "base/status.h"
#include "diffusion.h"

#include <stdlib.h>
#include <string.h>

typedef struct span { int start, length; } span;

static int
round_up (int n, int multiple)
{
  return (n + multiple - 1) / multiple * multiple;
}

static span
around (int start, int length, int context, int multiple, int side)
{
  int first = start - context > 0 ? start - context : 0;
  int last  = start + length + context < side ? start + length + context : side;
  int want  = round_up (last - first, multiple), more = want - (last - first);

  /* What is missing to the multiple: behind, before, and only then beyond the edge. */
  int behind = side - last < more ? side - last : more;
  int before = first < more - behind ? first : more - behind;

  return (span) { first - before, want };
}

static df_status
along (int start, int length, int context, int multiple, int side, bool tile, const char *axis, span *out,
       df_error *err)
{
  if (!tile)
    {
      *out = around (start, length, context, multiple, side);
      return DF_OK;
    }
  if (side % multiple != 0)
    return df_fail (err, DF_ERROR_ARGUMENT,
                    "To tile along %s the %s must be a multiple of %d for this model; it is %d (%d or %d would do).",
                    axis, axis[0] == 'x' ? "width" : "height", multiple, side, side / multiple * multiple,
                    round_up (side, multiple));
  *out = (span) { 0, side };
  return DF_OK;
}

df_status
df_canvas_around (const df_model *model, df_rect bounds, int drawable_width, int drawable_height, bool tile_x,
                  bool tile_y, df_rect *canvas, df_error *err)
{
  const df_model_info *info = df_model_describe (model);
  int                  native = info->native_width > info->native_height ? info->native_width : info->native_height;
  int                  context = native / 2 > 32 ? native / 2 : 32;
  span                 x, y;

  if (bounds.width < 1 || bounds.height < 1 || bounds.x < 0 || bounds.y < 0 ||
      bounds.x + bounds.width > drawable_width || bounds.y + bounds.height > drawable_height)
    return df_fail (err, DF_ERROR_ARGUMENT, "The selection does not lie within the picture.");
  DF_TRY (along (bounds.x, bounds.width, context, info->size_multiple, drawable_width, tile_x, "x", &x, err));
  DF_TRY (along (bounds.y, bounds.height, context, info->size_multiple, drawable_height, tile_y, "y", &y, err));
  *canvas = (df_rect) { x.start, y.start, x.length, y.length };
  return DF_OK;
}

int
df_mirror (int i, int n)
{
  int period = 2 * n - 2;

  if (n == 1)
    return 0;
  i = ((i % period) + period) % period;
  return i < n ? i : period - i;
}

void
df_canvas_fill (const float *window, int width, int height, int channels, int canvas_width, int canvas_height,
                float *out)
{
  size_t c = (size_t) channels;

  for (int y = 0; y < canvas_height; y++)
    for (int x = 0; x < canvas_width; x++, out += c)
      memcpy (out, window + ((size_t) df_mirror (y, height) * (size_t) width + (size_t) df_mirror (x, width)) * c,
              c * sizeof *out);
}

df_status
df_canvas_mask (const float *window, int width, int height, double feather, int canvas_width, int canvas_height,
                float *out, df_error *err)
{
  size_t    n    = (size_t) width * (size_t) height;
  float    *mask = df_alloc (n, sizeof *mask);
  df_status status;

  if (mask == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory for the selection.");
  memcpy (mask, window, n * sizeof *mask);
  status = df_feather (mask, width, height, feather, err);
  memset (out, 0, (size_t) canvas_width * (size_t) canvas_height * sizeof *out);
  for (int y = 0; y < height && y < canvas_height; y++)
    memcpy (out + (size_t) y * (size_t) canvas_width, mask + (size_t) y * (size_t) width,
            (size_t) (width < canvas_width ? width : canvas_width) * sizeof *out);
  df_free (mask);
  return status;
}
