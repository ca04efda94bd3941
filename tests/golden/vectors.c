/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vectors.h"

#include "base/alloc.h"
#include "kernels/kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

void
vectors_path (char *out, size_t size, const char *set, const char *file)
{
  const char *root = getenv ("DF_VECTORS");

  assert_non_null (root);
  assert_true ((size_t) snprintf (out, size, "%s/%s/%s", root, set, file) < size);
}

yyjson_doc *
vectors_manifest (const char *set)
{
  char        path[1024];
  yyjson_doc *doc;

  vectors_path (path, sizeof path, set, "manifest.json");
  doc = yyjson_read_file (path, 0, NULL, NULL);
  if (doc == NULL)
    fail_msg ("%s cannot be read", path);
  return doc;
}

/* "(16, 4, 3)" of the header into shape. */
static void
read_shape (vectors_array *a, const char *text)
{
  a->count = 1;
  for (text++; *text != ')' && a->dims < 6; text += strspn (text, ", "))
    {
      a->shape[a->dims] = strtoul (text, (char **) &text, 10);
      a->count *= a->shape[a->dims++];
    }
}

static void
each_case_of (const char *set, vectors_case_fn fn, df_pool *pool)
{
  yyjson_doc *doc   = vectors_manifest (set);
  yyjson_val *cases = yyjson_obj_get (yyjson_doc_get_root (doc), "cases");
  const char *name  = yyjson_get_str (yyjson_obj_get (yyjson_doc_get_root (doc), "model"));
  df_model   *model;
  df_error    err;
  char        path[1024];

  vectors_path (path, sizeof path, set, name != NULL ? name : "model");
  if (df_model_open (&model, path, &err) != DF_OK)
    fail_msg ("%s: %s", set, err.text);
  assert_true (yyjson_arr_size (cases) > 0);
  for (size_t i = 0; i < yyjson_arr_size (cases); i++)
    fn (set, model, yyjson_arr_get (cases, i), pool);
  df_model_close (model);
  yyjson_doc_free (doc);
}

void
vectors_each_case (const char *const *sets, size_t count, vectors_case_fn fn)
{
  df_pool *pool = df_pool_new (2);

  for (size_t i = 0; i < count; i++)
    each_case_of (sets[i], fn, pool);
  df_pool_free (pool);
}

vectors_array
vectors_load (const char *set, const char *file)
{
  vectors_array a = { 0 };
  char          path[1024], header[65536];
  unsigned char start[10];
  size_t        length;
  FILE         *f;

  vectors_path (path, sizeof path, set, file);
  f = fopen (path, "rb");
  if (f == NULL)
    fail_msg ("%s cannot be read", path);
  assert_int_equal (fread (start, 1, 10, f), 10);
  length = start[8] + 256u * start[9];
  assert_true (memcmp (start, "\x93NUMPY\x01", 7) == 0 && length < sizeof header);
  assert_int_equal (fread (header, 1, length, f), length);
  header[length] = '\0';
  assert_non_null (strstr (header, "'<f4'"));
  read_shape (&a, strchr (header, '('));
  a.data = df_alloc (a.count + DF_SLACK, sizeof *a.data);
  assert_int_equal (fread (a.data, sizeof *a.data, a.count, f), a.count);
  fclose (f);
  return a;
}

float *
vectors_nhwc (const float *x, size_t n, size_t c, size_t h, size_t w)
{
  float *y = df_alloc (n * c * h * w + DF_SLACK, sizeof *y);

  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < c; k++)
      for (size_t p = 0; p < h * w; p++)
        y[(i * h * w + p) * c + k] = x[(i * c + k) * h * w + p];
  return y;
}

float *
vectors_nchw (const float *x, size_t n, size_t c, size_t h, size_t w)
{
  return vectors_nhwc (x, n, h * w, c, 1);   /* the transpose back */
}
