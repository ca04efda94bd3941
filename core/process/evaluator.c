/* SPDX-License-Identifier: GPL-3.0-or-later */
/* evaluator: see evaluator.h. */
#include "process/evaluator.h"

#include "base/alloc.h"
#include "process/request.h"

#include <string.h>

static df_unet_size
size_of (const df_model *model, const df_request *r)
{
  return (df_unet_size) { df_request_rows (model, r), r->width, r->height, r->tile_x, r->tile_y };
}

static size_t
row_floats (const df_model *model, const df_request *r)
{
  return (size_t) r->width * (size_t) r->height * (size_t) model->info.channels;
}

df_status
df_evaluator_forecast (const df_model *model, const df_request *request, int threads, df_unet_cost *out,
                       df_error *err)
{
  df_unet_size size = size_of (model, request);
  size_t       rows = (size_t) size.batch;

  DF_TRY (df_unet_forecast (model, &size, threads, out, err));
  out->bytes += rows * (sizeof (double) + sizeof (int));
  if (size.batch > request->batch)
    out->bytes += rows * row_floats (model, request) * sizeof (float);
  return DF_OK;
}

df_status
df_evaluator_new (df_evaluator *out, const df_model *model, const df_request *request, df_pool *pool,
                  df_error *err)
{
  df_unet_size size = size_of (model, request);
  size_t       rows = (size_t) size.batch;

  *out = (df_evaluator) { .batch = request->batch, .rows = size.batch, .row = row_floats (model, request),
                          .guidance = request->guidance, .t = df_alloc (rows, sizeof (double)),
                          .labels = df_alloc (rows, sizeof (int)) };
  if (size.batch > request->batch)
    out->twice = df_alloc (rows * out->row, sizeof *out->twice);
  if (out->t == NULL || out->labels == NULL || (size.batch > request->batch && out->twice == NULL))
    {
      df_evaluator_clear (out);
      return df_fail (err, DF_ERROR_MEMORY, "Out of memory: choose a smaller picture.");
    }
  for (int i = 0; i < size.batch; i++)
    out->labels[i] = i < request->batch && request->label >= 0 ? request->label : model->info.null_class;
  if (df_unet_new (&out->unet, model, &size, pool, err) == DF_OK)
    return DF_OK;
  df_evaluator_clear (out);
  return err != NULL ? err->status : DF_ERROR_MEMORY;
}

void
df_evaluator_clear (df_evaluator *evaluator)
{
  df_unet_free (evaluator->unet);
  df_free (evaluator->t);
  df_free (evaluator->labels);
  df_free (evaluator->twice);
  memset (evaluator, 0, sizeof *evaluator);
}

df_status
df_evaluate (df_evaluator *e, const float *x, double t, const df_progress *progress, float *out, df_error *err)
{
  size_t       n = (size_t) e->batch * e->row;
  const float *plain;

  for (int i = 0; i < e->rows; i++)
    e->t[i] = t;
  if (e->twice == NULL)
    return df_unet_eval (e->unet, x, e->t, e->labels, progress, out, err);
  memcpy (e->twice, x, n * sizeof *x);
  memcpy (e->twice + n, x, n * sizeof *x);
  DF_TRY (df_unet_eval (e->unet, e->twice, e->t, e->labels, progress, e->twice, err));
  plain = e->twice + n;
  for (size_t i = 0; i < n; i++)
    out[i] = plain[i] + (float) e->guidance * (e->twice[i] - plain[i]);
  return DF_OK;
}
