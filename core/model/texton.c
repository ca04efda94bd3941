/* SPDX-License-Identifier: GPL-3.0-or-later */
/* texton: see texton.h. */
#include "model/texton.h"

#include "base/alloc.h"
#include "model/safetensors.h"

#include <math.h>
#include <string.h>

#define FADE 0.25   /* of a side, at each of its ends: the repetition of a picture that is not seamless would cut */

double
df_texton_window (int i, int n)
{
  double end = fmin (i + 0.5, n - i - 0.5) / (FADE * n);

  return end < 1.0 ? 0.5 - 0.5 * cos (3.14159265358979 * end) : 1.0;
}

static bool
all_finite (const float *x, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!isfinite (x[i]))
      return false;
  return true;
}

static df_status
read_tensors (df_texton *out, const df_safetensors *file, const char *path, int channels, df_error *err)
{
  const df_tensor_entry *kernel = df_safetensors_find (file, "texton"), *mean = df_safetensors_find (file, "mean");

  if (kernel == NULL || mean == NULL || kernel->dims != 3 || kernel->shape[2] != (size_t) channels || kernel->count == 0 ||
      kernel->shape[0] > DF_TEXTON_SIDE || kernel->shape[1] > DF_TEXTON_SIDE || mean->count != (size_t) channels ||
      kernel->dtype == DF_I64 || kernel->dtype == DF_U8 || mean->dtype == DF_I64 || mean->dtype == DF_U8)
    return df_fail (err, DF_ERROR_FORMAT, "%s must hold \"texton\" [height,width,%d], up to %d, and \"mean\" [%d]; delete it to "
                    "use the model without.", path, channels, DF_TEXTON_SIDE, channels);
  *out = (df_texton) { .width = (int) kernel->shape[1], .height = (int) kernel->shape[0], .channels = channels };
  out->kernel = df_alloc (kernel->count, sizeof *out->kernel);
  if (out->kernel == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory while %s was read.", path);
  df_tensor_to_float (kernel, out->kernel);
  df_tensor_to_float (mean, out->mean);
  if (all_finite (out->kernel, kernel->count) && all_finite (out->mean, (size_t) channels))
    return DF_OK;
  return df_fail (err, DF_ERROR_FORMAT, "%s is damaged: it holds values that are not finite.", path);
}

df_status
df_texton_load (df_texton *out, const char *path, int channels, df_error *err)
{
  df_safetensors *file;
  df_status       status;

  memset (out, 0, sizeof *out);
  DF_TRY (df_safetensors_open (&file, path, err));
  status = read_tensors (out, file, path, channels, err);
  df_safetensors_close (file);
  if (status != DF_OK)
    df_texton_clear (out);
  return status;
}

df_status
df_texton_save (const df_texton *texton, const char *path, df_error *err)
{
  size_t        channels = (size_t) texton->channels;
  df_tensor_out tensors[] = {
    { .name = "texton", .dtype = DF_F16, .dims = 3, .data = texton->kernel,
      .shape = { (size_t) texton->height, (size_t) texton->width, channels } },
    { .name = "mean", .dtype = DF_F32, .dims = 1, .shape = { channels }, .data = texton->mean },
  };

  return df_safetensors_write (path, tensors, sizeof tensors / sizeof *tensors, NULL, err);
}

void
df_texton_clear (df_texton *texton)
{
  df_free (texton->kernel);
  memset (texton, 0, sizeof *texton);
}
