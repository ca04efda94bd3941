/* SPDX-License-Identifier: GPL-3.0-or-later */
/* safetensors: u64 little-endian header length, JSON {name: {dtype, shape, data_offsets}}, data. The file is
 * mapped; every offset, shape, dtype and overlap is checked before a tensor is handed out (core.md §3). */
#ifndef DF_MODEL_SAFETENSORS_H
#define DF_MODEL_SAFETENSORS_H

#include "base/status.h"

typedef enum df_dtype { DF_F32, DF_F16, DF_BF16, DF_F64, DF_I64, DF_U8 } df_dtype;

typedef struct df_tensor_entry
{
  char       *name;
  df_dtype    dtype;
  int         dims;              /* 0 … 8 */
  size_t      shape[8];
  size_t      count;
  const void *data;              /* into the mapping, not necessarily aligned */
  size_t      bytes;
} df_tensor_entry;

typedef struct df_safetensors df_safetensors;

DF_CHECKED df_status df_safetensors_open (df_safetensors **out, const char *path, df_error *err);
/* Parses `size` bytes that must outlive the object: fuzzing and tests. */
DF_CHECKED df_status df_safetensors_parse (df_safetensors **out, const void *bytes, size_t size,
                                           const char *where, df_error *err);
void                 df_safetensors_close (df_safetensors *file);   /* accepts NULL */
size_t               df_safetensors_count (const df_safetensors *file);
const df_tensor_entry *df_safetensors_entry (const df_safetensors *file, size_t index);
const df_tensor_entry *df_safetensors_find  (const df_safetensors *file, const char *name);   /* NULL: none */

/* Bytes of a tensor that will not be read soon: where they are the file's own, their pages may go. */
void df_safetensors_forget (const df_safetensors *file, const void *bytes, size_t size);

/* count values of an F32, F16, BF16 or F64 tensor as float32. */
void df_tensor_to_float (const df_tensor_entry *entry, float *out);
typedef struct df_tensor_out
{
  const char  *name;
  df_dtype     dtype;            /* F32, F16 (converted from float data), F64, I64, U8 (bytes as they are) */
  int          dims;
  size_t       shape[8];
  const void  *data;             /* float for F32 and F16, else of its dtype */
} df_tensor_out;

/* Writes a file beside, syncs and renames it. metadata: JSON object text for "__metadata__" (string
 * values only), or NULL. Used for models and checkpoints. Errors: IO, MEMORY. */
DF_CHECKED df_status df_safetensors_write (const char *path, const df_tensor_out *tensors, size_t count,
                                           const char *metadata, df_error *err);
/* The __metadata__ object as JSON text, "" without one; owned by the file. */
const char *df_safetensors_metadata (const df_safetensors *file);

#endif
