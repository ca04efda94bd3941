/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of tensors: what is read, every refusal, what is written; and 16-bit floats, all of them. */
#include "base/alloc.h"
#include "model/half.h"
#include "model/safetensors.h"
#include "scratch.h"

#include <dirent.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ------------------------------------------------------------------ 16-bit floats */

/* IEEE 754-2008, §3.4: sign, exponent less 15, mantissa with a hidden 1 unless subnormal. */
static void
every_half_is_its_value_and_comes_back (void **state)
{
  (void) state;
  for (unsigned h = 0; h < 0x10000; h++)
    {
      int    exponent = (int) (h >> 10 & 31), mantissa = (int) (h & 1023);
      double sign = h & 0x8000 ? -1.0 : 1.0;
      float  x    = df_half_to_float ((uint16_t) h);

      if (exponent == 31 && mantissa != 0)
        {
          assert_true (isnan (x));
          assert_true (isnan (df_half_to_float (df_float_to_half (x))));
          continue;
        }
      if (exponent == 31)
        assert_true (isinf (x) && (x < 0) == (sign < 0));
      else if (exponent == 0)
        assert_true (x == sign * mantissa / 16777216.0);
      else
        assert_true (x == sign * (1.0 + mantissa / 1024.0) * pow (2.0, exponent - 15));
      assert_true (!!signbit (x) == (h >> 15));
      assert_int_equal (df_float_to_half (x), h);
    }
}

/* Between each two neighbours: the middle goes to the even one, a hair to either side to the nearer one. */
static void
floats_go_to_the_nearest_half_ties_to_even (void **state)
{
  (void) state;
  for (unsigned h = 0; h < 0x7c00; h++)
    {
      double below = df_half_to_float ((uint16_t) h);
      double above = h + 1 < 0x7c00 ? df_half_to_float ((uint16_t) (h + 1)) : 65536.0;   /* infinity's place */
      float  middle = (float) ((below + above) / 2.0);

      assert_true (middle == (below + above) / 2.0);
      assert_int_equal (df_float_to_half (middle), h % 2 == 0 ? h : h + 1);
      assert_int_equal (df_float_to_half (nextafterf (middle, 0.0f)), h);
      assert_int_equal (df_float_to_half (nextafterf (middle, INFINITY)), h + 1);
      assert_int_equal (df_float_to_half (-nextafterf (middle, INFINITY)), 0x8000 | (h + 1));
    }
  assert_int_equal (df_float_to_half (1e30f), 0x7c00);
  assert_int_equal (df_float_to_half (-INFINITY), 0xfc00);
  assert_int_equal (df_float_to_half (1e-40f), 0);
}

static void
bfloat_is_the_upper_half_of_a_float (void **state)
{
  (void) state;
  assert_true (df_bfloat_to_float (0x3f80) == 1.0f);
  assert_true (df_bfloat_to_float (0xc049) == -3.140625f);
  assert_true (df_bfloat_to_float (0x0001) == ldexpf (1.0f, -133));
  assert_true (df_bfloat_to_float (0xff80) == -INFINITY);
  assert_true (isnan (df_bfloat_to_float (0x7fc0)));
  assert_true (signbit (df_bfloat_to_float (0x8000)));
}

/* ------------------------------------------------------------------ reading */

static df_safetensors *
parsed (const void *bytes, size_t size)
{
  df_safetensors *file;
  df_error        err;

  if (df_safetensors_parse (&file, bytes, size, "here", &err) != DF_OK)
    fail_msg ("%s", err.text);
  return file;
}

static void
tensors_are_found_by_name_with_shape_and_bytes (void **state)
{
  static const char header[] =
    "{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[17,20]},"
    "\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,1,2],\"data_offsets\":[1,17]},"
    "\"none\":{\"dtype\":\"F16\",\"shape\":[0,7],\"data_offsets\":[5,5]},"
    "\"one\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}  ";
  size_t                 size;
  unsigned char         *bytes = scratch_safetensors (header, 20, &size);
  df_safetensors        *file  = parsed (bytes, size);
  const df_tensor_entry *a     = df_safetensors_find (file, "a.weight");
  float                  values[4], want;

  (void) state;
  assert_int_equal (df_safetensors_count (file), 4);
  assert_string_equal (df_safetensors_metadata (file), "{\"format\":\"pt\"}");
  assert_null (df_safetensors_find (file, "a"));
  assert_null (df_safetensors_find (file, "__metadata__"));
  assert_non_null (a);
  assert_int_equal (a->dtype, DF_F32);
  assert_int_equal (a->dims, 3);
  assert_int_equal (a->shape[0] * 100 + a->shape[1] * 10 + a->shape[2], 212);
  assert_int_equal (a->count, 4);
  df_tensor_to_float (a, values);   /* at an odd address */
  for (int i = 0; i < 4; i++)
    {
      memcpy (&want, (unsigned char[]) { (unsigned char) (1 + 4 * i), (unsigned char) (2 + 4 * i),
                                         (unsigned char) (3 + 4 * i), (unsigned char) (4 + 4 * i) }, 4);
      assert_true (values[i] == want);
    }
  assert_memory_equal (df_safetensors_find (file, "b")->data, "\x11\x12\x13", 3);
  assert_int_equal (df_safetensors_find (file, "none")->count, 0);
  assert_int_equal (df_safetensors_find (file, "one")->count, 1);
  assert_int_equal (df_safetensors_find (file, "one")->dims, 0);
  df_safetensors_close (file);
  free (bytes);
}

/* 1.5 in every type that can be a weight. */
static void
every_dtype_becomes_float (void **state)
{
  static const unsigned char one_and_a_half[] = { 0, 0, 0xc0, 0x3f, 0, 0x3e, 0xc0, 0x3f,
                                                  0, 0, 0, 0, 0, 0, 0xf8, 0x3f };
  static const char header[] =
    "{\"f32\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
    "\"f16\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[4,6]},"
    "\"bf16\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[6,8]},"
    "\"f64\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[8,16]}}";
  static const char *const names[] = { "f32", "f16", "bf16", "f64" };
  size_t          size;
  unsigned char  *bytes = scratch_safetensors (header, 16, &size);
  df_safetensors *file;

  (void) state;
  memcpy (bytes + size - 16, one_and_a_half, 16);
  file = parsed (bytes, size);
  for (size_t i = 0; i < 4; i++)
    {
      float x = 0.0f;

      df_tensor_to_float (df_safetensors_find (file, names[i]), &x);
      assert_true (x == 1.5f);
    }
  df_safetensors_close (file);
  free (bytes);
}

/* ------------------------------------------------------------------ refusals */

#define ENTRY(dtype, shape, offsets) "{\"t\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static const struct { const char *header; size_t data; df_status status; const char *word; } damaged[] = {
  { "", 0, DF_ERROR_FORMAT, "not a JSON object" },
  { "{", 0, DF_ERROR_FORMAT, "not a JSON object" },
  { "[1]", 0, DF_ERROR_FORMAT, "not a JSON object" },
  { "{\"t\":5}", 0, DF_ERROR_UNSUPPORTED, "dtype (none)" },
  { "{\"t\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, DF_ERROR_UNSUPPORTED, "tensor t has dtype (none)" },
  { ENTRY ("4", "[1]", "[0,4]"), 4, DF_ERROR_UNSUPPORTED, "dtype (none)" },
  { ENTRY ("\"F8_E4M3\"", "[4]", "[0,4]"), 4, DF_ERROR_UNSUPPORTED, "F8_E4M3" },
  { ENTRY ("\"I32\"", "[1]", "[0,4]"), 4, DF_ERROR_UNSUPPORTED, "I32" },
  { "{\"t\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, DF_ERROR_FORMAT, "tensor t has no usable shape" },
  { ENTRY ("\"F32\"", "1", "[0,4]"), 4, DF_ERROR_FORMAT, "no usable shape" },
  { ENTRY ("\"F32\"", "[-1]", "[0,4]"), 4, DF_ERROR_FORMAT, "no usable shape" },
  { ENTRY ("\"F32\"", "[1.0]", "[0,4]"), 4, DF_ERROR_FORMAT, "no usable shape" },
  { ENTRY ("\"F32\"", "[\"1\"]", "[0,4]"), 4, DF_ERROR_FORMAT, "no usable shape" },
  { ENTRY ("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, DF_ERROR_FORMAT, "no usable shape" },
  { ENTRY ("\"F32\"", "[4294967296,4294967296]", "[0,4]"), 4, DF_ERROR_FORMAT, "shape that overflows" },
  { ENTRY ("\"F32\"", "[4611686018427387904]", "[0,0]"), 4, DF_ERROR_FORMAT, "does not fit its shape" },
  { ENTRY ("\"F32\"", "[4611686018427387905]", "[0,4]"), 4, DF_ERROR_FORMAT, "does not fit its shape" },
  { ENTRY ("\"F32\"", "[2]", "[0,4]"), 4, DF_ERROR_FORMAT, "does not fit its shape" },
  { ENTRY ("\"F16\"", "[1]", "[0,4]"), 4, DF_ERROR_FORMAT, "does not fit its shape" },
  { "{\"t\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, DF_ERROR_FORMAT, "outside the file" },
  { ENTRY ("\"F32\"", "[1]", "[0]"), 4, DF_ERROR_FORMAT, "outside the file" },
  { ENTRY ("\"F32\"", "[1]", "[0,4,8]"), 8, DF_ERROR_FORMAT, "outside the file" },
  { ENTRY ("\"F32\"", "[1]", "[0,-4]"), 4, DF_ERROR_FORMAT, "outside the file" },
  { ENTRY ("\"F32\"", "[1]", "[0.0,4.0]"), 4, DF_ERROR_FORMAT, "outside the file" },
  { ENTRY ("\"F32\"", "[1]", "[4,0]"), 4, DF_ERROR_FORMAT, "outside the file" },
  { ENTRY ("\"F32\"", "[1]", "[0,4]"), 3, DF_ERROR_FORMAT, "outside the file" },
  { ENTRY ("\"F32\"", "[1]", "[18446744073709551612,18446744073709551615]"), 4, DF_ERROR_FORMAT, "outside the file" },
  { ENTRY ("\"F32\"", "[1]", "[0,18446744073709551620]"), 4, DF_ERROR_FORMAT, "outside the file" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
    "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[3,7]}}", 8, DF_ERROR_FORMAT, "overlaps" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
    "\"z\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[3,3]},"
    "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, DF_ERROR_FORMAT, "overlaps" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
    "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, DF_ERROR_FORMAT, "a is there twice" },
  { "{\"a\\nb\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 4, DF_ERROR_FORMAT, "a?b" },
};

static void
each_kind_of_damage_is_named (void **state)
{
  (void) state;
  for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++)
    {
      size_t          size;
      unsigned char  *bytes = scratch_safetensors (damaged[i].header, damaged[i].data, &size);
      df_safetensors *file  = (df_safetensors *) bytes;
      df_error        err   = { 0 };
      df_status       status = df_safetensors_parse (&file, bytes, size, "this file", &err);

      assert_null (file);
      scratch_refused (damaged[i].header, status, &err, damaged[i].status, damaged[i].word);
      assert_non_null (strstr (err.text, "this file"));
      free (bytes);
    }
}

/* Every beginning of a sound file is refused, and so is every length in its first 8 bytes but the true one. */
static void
every_truncation_and_length_is_refused (void **state)
{
  static const uint64_t lengths[] = { 0, 1, 51, 60, 1u << 30, (uint64_t) 1 << 63, UINT64_MAX, UINT64_MAX - 7 };
  size_t          size;
  unsigned char  *bytes = scratch_safetensors (ENTRY ("\"F32\"", "[1]", "[0,4]"), 4, &size);
  df_safetensors *file;
  df_error        err;

  (void) state;
  for (size_t cut = 0; cut < size; cut++)
    {
      unsigned char *part = malloc (cut + 1);   /* of exactly that size, for the sanitizer */

      memcpy (part, bytes, cut);
      scratch_refused ("truncated", df_safetensors_parse (&file, part, cut, "f", &err), &err, DF_ERROR_FORMAT, "f is");
      free (part);
    }
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
    {
      for (int j = 0; j < 8; j++)
        bytes[j] = (unsigned char) (lengths[i] >> (8 * j));
      scratch_refused ("length", df_safetensors_parse (&file, bytes, size, "f", &err), &err, DF_ERROR_FORMAT, "header");
    }
  free (bytes);
}

static void
deep_nesting_does_no_harm (void **state)
{
  enum { DEPTH = 200000 };
  char           *header = malloc (2 * DEPTH + 32);
  size_t          size;
  unsigned char  *bytes;
  df_safetensors *file;
  df_error        err;

  (void) state;
  strcpy (header, "{\"__metadata__\":");
  memset (header + 16, '[', DEPTH);
  header[16 + DEPTH] = '\0';
  bytes = scratch_safetensors (header, 0, &size);
  scratch_refused ("open", df_safetensors_parse (&file, bytes, size, "f", &err), &err, DF_ERROR_FORMAT, "JSON");
  free (bytes);
  memset (header + 16 + DEPTH, ']', DEPTH);
  strcpy (header + 16 + 2 * DEPTH, "}");
  bytes = scratch_safetensors (header, 0, &size);
  file  = parsed (bytes, size);
  assert_int_equal (strlen (df_safetensors_metadata (file)), 2 * DEPTH);
  df_safetensors_close (file);
  free (bytes);
  free (header);
}

static void
what_is_no_file_is_an_io_error (void **state)
{
  df_safetensors *file;
  df_error        err;
  char            path[600];

  snprintf (path, sizeof path, "%s/nothing", (const char *) *state);
  scratch_refused ("missing", df_safetensors_open (&file, path, &err), &err, DF_ERROR_IO, "nothing");
  scratch_refused ("folder", df_safetensors_open (&file, *state, &err), &err, DF_ERROR_IO, *state);
  scratch_text (*state, "nothing", "");
  scratch_refused ("empty", df_safetensors_open (&file, path, &err), &err, DF_ERROR_FORMAT, "shorter");
}

/* ------------------------------------------------------------------ writing */

static const float    wide[]  = { 1.0f, -2.5f, 65504.0f, 1e-8f, 0.1f };
static const int64_t  whole[] = { -1, INT64_MAX };
static const uint8_t  small[] = { 7, 8, 9 };
static const double   precise[] = { 0.1 };

static const df_tensor_out outs[] = {
  { "z.f32", DF_F32, 1, { 5 }, wide },      { "f16", DF_F16, 2, { 1, 5 }, wide },
  { "i64", DF_I64, 1, { 2 }, whole },       { "u8", DF_U8, 1, { 3 }, small },
  { "scalar", DF_F64, 0, { 0 }, precise },
};

static df_status
write_outs (void *path, df_error *err)
{
  return df_safetensors_write (path, outs, sizeof outs / sizeof *outs, "{\"step\":\"12\"}", err);
}

static int
files_in (const char *folder)
{
  DIR *dir = opendir (folder);
  int  n   = 0;

  while (readdir (dir) != NULL)
    n++;
  closedir (dir);
  return n - 2;
}

static void
what_is_written_is_read (void **state)
{
  df_safetensors *file;
  df_error        err;
  char            path[600];
  unsigned char  *bytes;
  float           back[5];
  const df_tensor_entry *e;

  snprintf (path, sizeof path, "%s/out", (const char *) *state);
  scratch_text (*state, "out", "an older file");
  assert_int_equal (write_outs (path, &err), DF_OK);
  assert_int_equal (files_in (*state), 1);
  bytes = (unsigned char *) scratch_read (*state, "out", NULL);
  assert_int_equal (bytes[0] % 8, 0);   /* data begin on 8 bytes */
  free (bytes);
  assert_int_equal (df_safetensors_open (&file, path, &err), DF_OK);
  assert_int_equal (df_safetensors_count (file), 5);
  assert_string_equal (df_safetensors_metadata (file), "{\"step\":\"12\"}");
  df_tensor_to_float (df_safetensors_find (file, "z.f32"), back);
  assert_memory_equal (back, wide, sizeof wide);
  e = df_safetensors_find (file, "f16");
  assert_true (e->dtype == DF_F16 && e->dims == 2 && e->shape[0] == 1 && e->shape[1] == 5);
  df_tensor_to_float (e, back);
  for (int i = 0; i < 5; i++)
    assert_true (fabsf (back[i] - wide[i]) <= fabsf (wide[i]) / 2048.0f + 0x1p-25f);
  assert_memory_equal (df_safetensors_find (file, "i64")->data, whole, sizeof whole);
  assert_memory_equal (df_safetensors_find (file, "u8")->data, small, sizeof small);
  assert_memory_equal (df_safetensors_find (file, "scalar")->data, precise, sizeof precise);
  df_safetensors_close (file);
}

static void
a_failed_write_leaves_the_old_file (void **state)
{
  df_error err;
  char     path[600], *kept;
  df_status status;

  snprintf (path, sizeof path, "%s/no/out", (const char *) *state);
  status = write_outs (path, &err);
  scratch_refused ("no folder", status, &err, DF_ERROR_IO, path);
  snprintf (path, sizeof path, "%s/out", (const char *) *state);
  scratch_text (*state, "out", "an older file");
  (void) df_alloc_fail_at (2);
  assert_int_equal (write_outs (path, NULL), DF_ERROR_MEMORY);
  (void) df_alloc_fail_at (0);
  kept = scratch_read (*state, "out", NULL);
  assert_string_equal (kept, "an older file");
  free (kept);
  assert_int_equal (files_in (*state), 1);
  assert_true (scratch_without_memory (write_outs, path) >= 2);
}

static df_status
open_it (void *path, df_error *err)
{
  df_safetensors *file;
  df_status       status = df_safetensors_open (&file, path, err);

  df_safetensors_close (file);
  return status;
}

static void
reading_without_memory_says_so (void **state)
{
  df_error err;
  char     path[600];

  snprintf (path, sizeof path, "%s/out", (const char *) *state);
  assert_int_equal (write_outs (path, &err), DF_OK);
  assert_true (scratch_without_memory (open_it, path) >= 7);   /* itself, its list, five names */
}

#define in_scratch(test) cmocka_unit_test_setup_teardown (test, scratch_setup, scratch_teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (every_half_is_its_value_and_comes_back),
    cmocka_unit_test (floats_go_to_the_nearest_half_ties_to_even),
    cmocka_unit_test (bfloat_is_the_upper_half_of_a_float),
    cmocka_unit_test (tensors_are_found_by_name_with_shape_and_bytes),
    cmocka_unit_test (every_dtype_becomes_float),
    cmocka_unit_test (each_kind_of_damage_is_named),
    cmocka_unit_test (every_truncation_and_length_is_refused),
    cmocka_unit_test (deep_nesting_does_no_harm),
    in_scratch (what_is_no_file_is_an_io_error),
    in_scratch (what_is_written_is_read),
    in_scratch (a_failed_write_leaves_the_old_file),
    in_scratch (reading_without_memory_says_so),
  };

  setlocale (LC_CTYPE, "C.UTF-8");
  return cmocka_run_group_tests (tests, NULL, NULL);
}
