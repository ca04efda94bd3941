/* SPDX-License-Identifier: GPL-3.0-or-later */
/* safetensors: reading; see safetensors.h. Nothing of the header is believed before it is checked. */
#include "model/safetensors.h"

#include "base/alloc.h"
#include "base/mapped.h"
#include "model/half.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#define MAX_HEADER (100u << 20)   /* as the reference implementation */

struct df_safetensors
{
  df_mapped        map;           /* empty when the bytes are the caller's */
  df_tensor_entry *entries;       /* sorted by name */
  size_t           count;
  char            *metadata;      /* JSON text from yyjson, or NULL */
};

static const struct { const char *name; df_dtype dtype; size_t size; } dtypes[] = {
  { "F32", DF_F32, 4 }, { "F16", DF_F16, 2 }, { "BF16", DF_BF16, 2 }, { "F64", DF_F64, 8 }, { "I64", DF_I64, 8 },
  { "U8", DF_U8, 1 },
};
#define NUM_DTYPES (sizeof dtypes / sizeof *dtypes)

static df_status
bad (df_error *err, const char *where, const char *what)
{
  return df_fail (err, DF_ERROR_FORMAT, "%s is damaged or not a safetensors file: %s.", where, df_translated (what));
}

static df_status
bad_tensor (df_error *err, const char *where, const char *name, const char *what)
{
  return df_fail (err, DF_ERROR_FORMAT, "%s is damaged: tensor %.80s %s.", where, name, df_translated (what));
}

static df_status
read_shape (df_tensor_entry *e, yyjson_val *shape, const char *where, df_error *err)
{
  if (!yyjson_is_arr (shape) || yyjson_arr_size (shape) > 8)
    return bad_tensor (err, where, e->name, "has no usable shape");
  e->dims  = (int) yyjson_arr_size (shape);
  e->count = 1;
  for (int i = 0; i < e->dims; i++)
    {
      yyjson_val *side = yyjson_arr_get (shape, (size_t) i);

      if (!yyjson_is_uint (side))
        return bad_tensor (err, where, e->name, "has no usable shape");
      e->shape[i] = yyjson_get_uint (side);
      if (!df_size_mul (e->count, e->shape[i], &e->count))
        return bad_tensor (err, where, e->name, "has a shape that overflows");
    }
  return DF_OK;
}

static df_status
read_entry (df_tensor_entry *e, const char *name, yyjson_val *value, const unsigned char *data, size_t size,
            const char *where, df_error *err)
{
  const char *dtype   = yyjson_get_str (yyjson_obj_get (value, "dtype"));
  yyjson_val *offsets = yyjson_obj_get (value, "data_offsets");
  yyjson_val *first   = yyjson_arr_get (offsets, 0), *last = yyjson_arr_get (offsets, 1);
  size_t      begin   = yyjson_get_uint (first), end = yyjson_get_uint (last), item = 0, bytes;

  e->name = df_strdup (name);
  if (e->name == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory while %s was read.", where);
  for (size_t i = 0; dtype != NULL && i < NUM_DTYPES; i++)
    if (strcmp (dtype, dtypes[i].name) == 0)
      {
        e->dtype = dtypes[i].dtype;
        item     = dtypes[i].size;
      }
  if (item == 0)
    return df_fail (err, DF_ERROR_UNSUPPORTED, "%s: tensor %.80s has dtype %.20s; F32, F16, BF16 and F64 can be read.",
                    where, name, dtype != NULL ? dtype : "(none)");
  DF_TRY (read_shape (e, yyjson_obj_get (value, "shape"), where, err));
  if (!yyjson_is_uint (first) || !yyjson_is_uint (last) || yyjson_arr_size (offsets) != 2 || begin > end || end > size)
    return bad_tensor (err, where, name, "lies outside the file");
  if (!df_size_mul (e->count, item, &bytes) || bytes != end - begin)
    return bad_tensor (err, where, name, "has a size that does not fit its shape");
  e->data  = data + begin;
  e->bytes = bytes;
  return DF_OK;
}

static int
by_name (const void *a, const void *b)
{
  return strcmp (((const df_tensor_entry *) a)->name, ((const df_tensor_entry *) b)->name);
}

static int
by_place (const void *a, const void *b)
{
  const char *x = ((const df_tensor_entry *) a)->data, *y = ((const df_tensor_entry *) b)->data;

  return x < y ? -1 : x > y;
}

/* Sorts by place to find overlaps, then by name to find duplicates. Empty tensors may lie anywhere. */
static df_status
check_entries (df_safetensors *file, const char *where, df_error *err)
{
  const char *end = NULL;   /* of the tensors so far */

  qsort (file->entries, file->count, sizeof *file->entries, by_place);
  for (size_t i = 0; i < file->count; i++)
    {
      const df_tensor_entry *e = &file->entries[i];

      if (e->bytes == 0)
        continue;
      if (end != NULL && end > (const char *) e->data)
        return bad_tensor (err, where, e->name, "overlaps another");
      end = (const char *) e->data + e->bytes;
    }
  qsort (file->entries, file->count, sizeof *file->entries, by_name);
  for (size_t i = 1; i < file->count; i++)
    if (strcmp (file->entries[i - 1].name, file->entries[i].name) == 0)
      return bad_tensor (err, where, file->entries[i].name, "is there twice");
  return DF_OK;
}

static df_status
read_header (df_safetensors *file, yyjson_val *root, const unsigned char *data, size_t size, const char *where,
             df_error *err)
{
  yyjson_obj_iter iter = yyjson_obj_iter_with (root);
  yyjson_val     *key;

  file->entries = df_alloc (yyjson_obj_size (root) + 1, sizeof *file->entries);
  if (file->entries == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory while %s was read.", where);
  while ((key = yyjson_obj_iter_next (&iter)) != NULL)
    {
      yyjson_val *value = yyjson_obj_iter_get_val (key);

      if (strcmp (yyjson_get_str (key), "__metadata__") == 0)
        {
          if (file->metadata == NULL)
            file->metadata = yyjson_val_write (value, 0, NULL);
          continue;
        }
      file->count++;
      DF_TRY (read_entry (&file->entries[file->count - 1], yyjson_get_str (key), value, data, size, where, err));
    }
  return check_entries (file, where, err);
}

static df_status
parse (df_safetensors *file, const unsigned char *bytes, size_t size, const char *where, df_error *err)
{
  uint64_t    header = 0;
  yyjson_doc *doc;
  df_status   status;

  if (size < 8)
    return bad (err, where, "it is shorter than its header");
  for (int i = 7; i >= 0; i--)
    header = header << 8 | bytes[i];
  if (header > size - 8 || header > MAX_HEADER)
    return bad (err, where, "its header is longer than the file");
  doc = yyjson_read ((const char *) bytes + 8, (size_t) header, 0);
  if (!yyjson_is_obj (yyjson_doc_get_root (doc)))
    {
      yyjson_doc_free (doc);
      return bad (err, where, "its header is not a JSON object");
    }
  status = read_header (file, yyjson_doc_get_root (doc), bytes + 8 + header, size - 8 - (size_t) header, where, err);
  yyjson_doc_free (doc);
  return status;
}

df_status
df_safetensors_parse (df_safetensors **out, const void *bytes, size_t size, const char *where, df_error *err)
{
  df_safetensors *file = df_alloc (1, sizeof *file);
  df_status       status;

  *out = NULL;
  if (file == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory while %s was read.", where);
  status = parse (file, bytes, size, where, err);
  if (status == DF_OK)
    *out = file;
  else
    df_safetensors_close (file);
  return status;
}

df_status
df_safetensors_open (df_safetensors **out, const char *path, df_error *err)
{
  df_mapped map;
  df_status status;

  *out = NULL;
  DF_TRY (df_mapped_open (&map, path, err));
  status = df_safetensors_parse (out, map.bytes, map.size, path, err);
  if (status == DF_OK)
    (*out)->map = map;
  else
    df_mapped_close (&map);
  return status;
}

void
df_safetensors_close (df_safetensors *file)
{
  if (file == NULL)
    return;
  for (size_t i = 0; i < file->count; i++)
    df_free (file->entries[i].name);
  df_free (file->entries);
  free (file->metadata);
  df_mapped_close (&file->map);
  df_free (file);
}

void
df_safetensors_forget (const df_safetensors *file, const void *bytes, size_t size)
{
  df_mapped_forget (&file->map, bytes, size);
}

size_t
df_safetensors_count (const df_safetensors *file)
{
  return file->count;
}

const df_tensor_entry *
df_safetensors_entry (const df_safetensors *file, size_t index)
{
  return &file->entries[index];
}

const df_tensor_entry *
df_safetensors_find (const df_safetensors *file, const char *name)
{
  df_tensor_entry key = { .name = (char *) name };

  return bsearch (&key, file->entries, file->count, sizeof key, by_name);
}

const char *
df_safetensors_metadata (const df_safetensors *file)
{
  return file->metadata != NULL ? file->metadata : "";
}

void
df_tensor_to_float (const df_tensor_entry *entry, float *out)
{
  const unsigned char *at = entry->data;

  for (size_t i = 0; i < entry->count; i++)
    {
      uint16_t half;
      double   wide;

      switch (entry->dtype)
        {
        case DF_F32:
          memcpy (&out[i], at + 4 * i, 4);
          break;
        case DF_F16:
        case DF_BF16:
          memcpy (&half, at + 2 * i, 2);
          out[i] = entry->dtype == DF_F16 ? df_half_to_float (half) : df_bfloat_to_float (half);
          break;
        case DF_F64:
          memcpy (&wide, at + 8 * i, 8);
          out[i] = (float) wide;
          break;
        default:
          out[i] = 0.0f;   /* integers are never weights */
          break;
        }
    }
}
