/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vectors: reading what tests/reference wrote: manifests (JSON) and arrays (.npy, float32). */
#ifndef DF_TEST_VECTORS_H
#define DF_TEST_VECTORS_H

#include "base/threads.h"
#include "diffusion.h"

#include <stddef.h>
#include <yyjson.h>

/* The folder of the vectors: DF_VECTORS in the environment, set by meson. */
void        vectors_path (char *out, size_t size, const char *set, const char *file);
/* The manifest of a set; free with yyjson_doc_free. Fails the test when it is missing. */
yyjson_doc *vectors_manifest (const char *set);

/* Calls fn for every case of every set, with the set's model open. Fails the test when a set has no model or no case. */
typedef void (*vectors_case_fn) (const char *set, const df_model *model, yyjson_val *entry, df_pool *pool);
void        vectors_each_case (const char *const *sets, size_t count, vectors_case_fn fn);

typedef struct vectors_array
{
  float *data;       /* df_free */
  size_t dims, shape[6], count;
} vectors_array;

/* Fails the test when the file is missing, of another type, or short. */
vectors_array vectors_load (const char *set, const char *file);

/* [n,c,h,w] to [n,h,w,c] and back; df_free. */
float *vectors_nhwc (const float *x, size_t n, size_t c, size_t h, size_t w);
float *vectors_nchw (const float *x, size_t n, size_t c, size_t h, size_t w);

#endif
