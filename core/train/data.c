/* SPDX-License-Identifier: GPL-3.0-or-later */
/* data: see data.h. Pictures are reduced by area averaging, so that a crop shows what a smaller picture would.
 * Seamless pictures wrap; others must be at least as large as the crop (mirrored beyond the edge otherwise). Where
 * pixels are left out, crops neither touch them nor wrap. */
#include "train/data.h"

#include "base/alloc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One pixel of the source, 0 … 1, colour premultiplied where there is alpha. */
static float
sample_at (const df_picture *p, int x, int y, int c)
{
  const uint8_t *pixel = p->pixels + ((size_t) y * (size_t) p->width + (size_t) x) * (size_t) p->channels;
  float          value = (float) pixel[c] / 255.0f;

  return p->channels == 4 && c < 3 ? value * (float) pixel[3] / 255.0f : value;
}

/* Mean over the box [x0,x1) × [y0,y1) of the source, edges weighted by what is covered. */
static float
box_mean (const df_picture *p, double x0, double x1, double y0, double y1, int c)
{
  double sum = 0.0, area = 0.0;

  for (int y = (int) y0; y < y1 && y < p->height; y++)
    for (int x = (int) x0; x < x1 && x < p->width; x++)
      {
        double w = (fmin (x + 1, x1) - fmax (x, x0)) * (fmin (y + 1, y1) - fmax (y, y0));

        sum  += w * sample_at (p, x, y, c);
        area += w;
      }
  return (float) (sum / area);
}

static df_status
no_memory (df_error *err)
{
  return df_fail (err, DF_ERROR_MEMORY, "Out of memory for the pictures: use fewer, or a smaller picture_size.");
}

/* The pixel x, y of the reduced picture, of `width` × `height`. */
static void
reduce_pixel (const df_prepared *out, const df_picture *p, int x, int y)
{
  double x0 = x * (double) p->width / out->width, x1 = (x + 1) * (double) p->width / out->width;
  double y0 = y * (double) p->height / out->height, y1 = (y + 1) * (double) p->height / out->height;
  size_t at = (size_t) y * (size_t) out->width + (size_t) x;

  for (int c = 0; c < p->channels; c++)
    out->pixels[at * (size_t) p->channels + (size_t) c] = 2.0f * box_mean (p, x0, x1, y0, y1, c) - 1.0f;
  if (out->keep == NULL)
    return;
  out->keep[at] = 1;
  for (int v = (int) y0; v < y1 && v < p->height; v++)
    for (int u = (int) x0; u < x1 && u < p->width; u++)
      out->keep[at] &= p->keep[(size_t) v * (size_t) p->width + (size_t) u] != 0;
}

/* Lists where a crop holds nothing that is left out: how many pixels in a row, from here to the right, are kept, is
 * counted along rows; then how many such rows follow, along columns. */
static df_status
list_origins (df_prepared *out, int which, const df_train_crop *crop, df_error *err)
{
  size_t    n    = (size_t) out->width * (size_t) out->height;
  uint32_t *list = df_alloc (n, sizeof *list), *rows = df_alloc ((size_t) out->width, sizeof *rows);
  uint32_t  count = 0;

  out->origins[which] = list;
  if (list == NULL || rows == NULL)
    {
      df_free (rows);
      return no_memory (err);
    }
  for (int y = out->height - 1; y >= 0; y--)
    {
      int run = 0;

      for (int x = out->width - 1; x >= 0; x--)
        {
          size_t at = (size_t) y * (size_t) out->width + (size_t) x;

          run     = out->keep[at] ? run + 1 : 0;
          rows[x] = run >= crop->width ? rows[x] + 1 : 0;
          if (rows[x] >= (uint32_t) crop->height)
            list[count++] = (uint32_t) at;
        }
    }
  out->num_origins[which] = count;
  df_free (rows);
  return DF_OK;
}

static df_status
prepare (df_prepared *out, const df_picture *p, const df_train_config *config, size_t index, df_error *err)
{
  int    side  = p->width < p->height ? p->width : p->height;
  double scale = config->picture_size > 0 && side > config->picture_size ? side / config->picture_size : 1.0;
  size_t n;

  out->width  = (int) (p->width / scale + 0.5);
  out->height = (int) (p->height / scale + 0.5);
  out->label  = p->label;
  n           = (size_t) out->width * (size_t) out->height;
  out->pixels = df_alloc (n * (size_t) p->channels, sizeof (float));
  out->keep   = p->keep != NULL ? df_alloc (n, 1) : NULL;
  if (out->pixels == NULL || (p->keep != NULL && out->keep == NULL))
    return no_memory (err);
  for (int y = 0; y < out->height; y++)
    for (int x = 0; x < out->width; x++)
      reduce_pixel (out, p, x, y);
  for (int i = 0; out->keep != NULL && i < config->num_crops; i++)
    {
      DF_TRY (list_origins (out, i, &config->crops[i], err));
      if (out->num_origins[i] == 0)
        return df_fail (err, DF_ERROR_ARGUMENT, "Picture %zu has no area of %d × %d pixels without pixels that are left "
                        "out: choose a smaller patch size, or leave out less.", index + 1, config->crops[i].width,
                        config->crops[i].height);
    }
  return DF_OK;
}

static df_status
check (const df_picture *p, size_t index, int channels, int classes, df_error *err)
{
  if (p->pixels == NULL || p->width < 1 || p->height < 1 || p->channels != channels)
    return df_fail (err, DF_ERROR_ARGUMENT, "Picture %zu: all pictures must have the same number of channels (%d).",
                    index + 1, channels);
  if (p->width < 16 || p->height < 16)
    return df_fail (err, DF_ERROR_ARGUMENT, "Picture %zu is %d × %d: too small to learn from (16 × 16 at least).",
                    index + 1, p->width, p->height);
  if (p->label >= classes || (classes > 0 && p->label < 0))
    return df_fail (err, DF_ERROR_ARGUMENT, "Picture %zu has class %d; there are %d classes.", index + 1, p->label,
                    classes);
  return DF_OK;
}

static df_status
fill (df_data *data, const df_picture *pictures, size_t count, int classes, const df_train_config *config,
      df_error *err)
{
  double sum = 0.0;

  for (int c = 0; c < data->classes; c++)
    {
      data->first[c] = data->count;
      for (size_t i = 0; i < count; i++)
        {
          if (classes > 0 && pictures[i].label != c)
            continue;
          DF_TRY (check (&pictures[i], i, data->channels, classes, err));
          DF_TRY (prepare (&data->pictures[data->count++], &pictures[i], config, i, err));
        }
      sum += pow ((double) (data->count - data->first[c]), 1.0 - config->balance) *
             (data->count > data->first[c] ? 1.0 : 0.0);
      data->cumulative[c] = sum;
    }
  data->first[data->classes] = data->count;
  if (data->count == 0)
    return df_fail (err, DF_ERROR_ARGUMENT, "There is no picture to learn from.");
  for (int c = 0; c < data->classes; c++)
    data->cumulative[c] /= sum;
  return DF_OK;
}

df_status
df_data_new (df_data *out, const df_picture *pictures, size_t count, int classes, const df_train_config *config,
             df_error *err)
{
  df_status status;

  memset (out, 0, sizeof *out);
  if (count == 0)
    return df_fail (err, DF_ERROR_ARGUMENT, "There is no picture to learn from.");
  out->classes    = classes > 0 ? classes : 1;
  out->channels   = pictures[0].channels;
  out->pictures   = df_alloc (count, sizeof *out->pictures);
  out->first      = df_alloc ((size_t) out->classes + 1, sizeof *out->first);
  out->cumulative = df_alloc ((size_t) out->classes, sizeof *out->cumulative);
  if (out->pictures == NULL || out->first == NULL || out->cumulative == NULL)
    status = df_fail (err, DF_ERROR_MEMORY, "Out of memory for the pictures.");
  else
    status = fill (out, pictures, count, classes, config, err);
  if (status != DF_OK)
    df_data_clear (out);
  return status;
}

size_t
df_data_bytes (const df_data *data)
{
  size_t bytes = 0;

  for (size_t i = 0; i < data->count; i++)
    {
      const df_prepared *p = &data->pictures[i];
      size_t             n = (size_t) p->width * (size_t) p->height;

      bytes += sizeof *p + n * (size_t) data->channels * sizeof *p->pixels;
      bytes += p->keep != NULL ? n : 0;
      for (int which = 0; which < DF_MAX_CROPS; which++)
        bytes += p->origins[which] != NULL ? n * sizeof *p->origins[which] : 0;
    }
  return bytes;
}

void
df_data_clear (df_data *data)
{
  for (size_t i = 0; data->pictures != NULL && i < data->count; i++)
    {
      df_free (data->pictures[i].pixels);
      df_free (data->pictures[i].keep);
      for (int which = 0; which < DF_MAX_CROPS; which++)
        df_free (data->pictures[i].origins[which]);
    }
  df_free (data->pictures);
  df_free (data->first);
  df_free (data->cumulative);
  memset (data, 0, sizeof *data);
}

static int
inside (int i, int n, bool wrap)
{
  int period = 2 * n - 2;

  if (wrap)
    return ((i % n) + n) % n;
  if (n == 1)
    return 0;
  i = ((i % period) + period) % period;
  return i < n ? i : period - i;
}

/* Where a crop begins. */
static void
draw_origin (const df_prepared *p, bool wrap, int which, const df_train_crop *crop, df_draw *draw, int *x, int *y)
{
  int w = crop->width, h = crop->height;

  if (p->keep == NULL)
    {
      *x = (int) df_draw_below (draw, (uint32_t) (wrap || p->width < w ? p->width : p->width - w + 1));
      *y = (int) df_draw_below (draw, (uint32_t) (wrap || p->height < h ? p->height : p->height - h + 1));
    }
  else
    {
      uint32_t at = p->origins[which][df_draw_below (draw, p->num_origins[which])];

      *x = (int) (at % (uint32_t) p->width);
      *y = (int) (at / (uint32_t) p->width);
    }
}

int
df_data_crop (const df_data *data, const df_train_config *config, df_draw *draw, int which, float *out)
{
  double               u = df_draw_uniform (draw);
  int                  c = 0, channels = data->channels, quarters = 0, x0, y0;
  bool                 wrap = config->wrap != 0, flip_x, flip_y;
  const df_train_crop *crop = &config->crops[which];
  const df_prepared   *p;

  while (c + 1 < data->classes && u >= data->cumulative[c])
    c++;
  p = &data->pictures[data->first[c] + df_draw_below (draw, (uint32_t) (data->first[c + 1] - data->first[c]))];
  draw_origin (p, wrap, which, crop, draw, &x0, &y0);
  flip_x   = config->flip_x != 0 && df_draw_below (draw, 2) == 1;
  flip_y   = config->flip_y != 0 && df_draw_below (draw, 2) == 1;
  if (config->rotate != 0)
    quarters = crop->width == crop->height ? (int) df_draw_below (draw, 4) : 2 * (int) df_draw_below (draw, 2);
  flip_x  ^= quarters == 1 || quarters == 2;     /* a quarter turn is a flip and an exchange of x and y */
  flip_y  ^= quarters == 2 || quarters == 3;
  for (int y = 0; y < crop->height; y++)
    for (int x = 0; x < crop->width; x++, out += channels)
      {
        int a  = flip_x ? crop->width - 1 - x : x, b = flip_y ? crop->height - 1 - y : y;
        int px = inside (x0 + (quarters % 2 ? b : a), p->width, wrap);
        int py = inside (y0 + (quarters % 2 ? a : b), p->height, wrap);

        memcpy (out, p->pixels + ((size_t) py * (size_t) p->width + (size_t) px) * (size_t) channels,
                (size_t) channels * sizeof *out);
      }
  return p->label;
}
