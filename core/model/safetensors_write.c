/* SPDX-License-Identifier: GPL-3.0-or-later */
/* safetensors_write: the other direction; the header is padded with spaces to 8 bytes, so that data are aligned. */
#include "model/safetensors.h"

#include "base/alloc.h"
#include "base/mapped.h"
#include "model/half.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

static size_t
item_size (df_dtype dtype)
{
  return dtype == DF_F32 ? 4 : dtype == DF_F16 || dtype == DF_BF16 ? 2 : dtype == DF_U8 ? 1 : 8;
}

static const char *
dtype_name (df_dtype dtype)
{
  static const char *const names[] = { "F32", "F16", "BF16", "F64", "I64", "U8" };

  return names[dtype];
}

static size_t
count_of (const df_tensor_out *t)
{
  size_t n = 1;

  for (int i = 0; i < t->dims; i++)
    n *= t->shape[i];
  return n;
}

/* The header as text of a multiple of 8 bytes (free), or NULL. */
static char *
header_text (const df_tensor_out *tensors, size_t count, const char *metadata, size_t *size)
{
  yyjson_mut_doc *doc  = yyjson_mut_doc_new (NULL);
  yyjson_mut_val *root = yyjson_mut_obj (doc);
  yyjson_doc     *meta = metadata != NULL ? yyjson_read (metadata, strlen (metadata), 0) : NULL;
  size_t          at   = 0;
  char           *text, *padded = NULL;

  yyjson_mut_doc_set_root (doc, root);
  if (meta != NULL)
    yyjson_mut_obj_add_val (doc, root, "__metadata__", yyjson_val_mut_copy (doc, yyjson_doc_get_root (meta)));
  for (size_t i = 0; i < count; i++)
    {
      yyjson_mut_val *entry = yyjson_mut_obj_add_obj (doc, root, tensors[i].name);
      yyjson_mut_val *shape, *offsets;

      yyjson_mut_obj_add_str (doc, entry, "dtype", dtype_name (tensors[i].dtype));
      shape = yyjson_mut_obj_add_arr (doc, entry, "shape");
      for (int d = 0; d < tensors[i].dims; d++)
        yyjson_mut_arr_add_uint (doc, shape, tensors[i].shape[d]);
      offsets = yyjson_mut_obj_add_arr (doc, entry, "data_offsets");
      yyjson_mut_arr_add_uint (doc, offsets, at);
      at += count_of (&tensors[i]) * item_size (tensors[i].dtype);
      yyjson_mut_arr_add_uint (doc, offsets, at);
    }
  text = yyjson_mut_write (doc, 0, size);
  yyjson_mut_doc_free (doc);
  yyjson_doc_free (meta);
  if (text != NULL && (padded = realloc (text, *size + 8)) != NULL)
    {
      memset (padded + *size, ' ', 8);
      *size = (*size + 7) / 8 * 8;
    }
  else
    free (text);
  return padded;
}

static void *
as_half (const float *data, size_t count)
{
  uint16_t *half = df_alloc (count, sizeof *half);

  for (size_t i = 0; half != NULL && i < count; i++)
    half[i] = df_float_to_half (data[i]);
  return half;
}

df_status
df_safetensors_write (const char *path, const df_tensor_out *tensors, size_t count, const char *metadata,
                      df_error *err)
{
  df_span      *spans  = df_alloc (count + 2, sizeof *spans);
  size_t        size   = 0;
  char         *header = header_text (tensors, count, metadata, &size);
  unsigned char length[8];
  bool          fine   = spans != NULL && header != NULL;
  df_status     status;

  for (int i = 0; i < 8; i++)
    length[i] = (unsigned char) ((uint64_t) size >> (8 * i));
  for (size_t i = 0; fine && i < count; i++)
    {
      const df_tensor_out *t = &tensors[i];

      spans[i + 2] = (df_span) { t->dtype == DF_F16 ? as_half (t->data, count_of (t)) : t->data,
                                 count_of (t) * item_size (t->dtype) };
      fine = spans[i + 2].bytes != NULL;
    }
  if (fine)
    {
      spans[0] = (df_span) { length, sizeof length };
      spans[1] = (df_span) { header, size };
      status   = df_file_write (path, spans, count + 2, err);
    }
  else
    status = df_fail (err, DF_ERROR_MEMORY, "Out of memory while %s was written.", path);
  for (size_t i = 0; spans != NULL && i < count; i++)
    if (tensors[i].dtype == DF_F16)
      df_free ((void *) spans[i + 2].bytes);
  df_free (spans);
  free (header);
  return status;
}
