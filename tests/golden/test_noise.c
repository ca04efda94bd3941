/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The noise field against its second implementation (tests/reference/philox.py): the same bits, in small fields and
 * in the hash of 10⁶ values, whatever the instruction set. */
#include "vectors.h"

#include "base/alloc.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct noise { float *data; int width, height, channels; size_t count; } noise;

static int
number_of (yyjson_val *entry, const char *key)
{
  yyjson_val *value = yyjson_obj_get (entry, key);

  assert_non_null (value);
  return (int) yyjson_get_sint (value);
}

static noise
noise_of (yyjson_val *entry)
{
  df_noise_field field = { .seed = (uint32_t) number_of (entry, "seed"),
                           .transition = (uint32_t) number_of (entry, "transition"),
                           .origin_x = number_of (entry, "origin_x"), .origin_y = number_of (entry, "origin_y"),
                           .period_x = number_of (entry, "period_x"), .period_y = number_of (entry, "period_y") };
  noise          n = { .width = number_of (entry, "width"), .height = number_of (entry, "height"),
                       .channels = number_of (entry, "channels") };

  n.count = (size_t) n.width * (size_t) n.height * (size_t) n.channels;
  n.data  = df_alloc (n.count, sizeof *n.data);
  df_noise_fill (&field, n.width, n.height, n.channels, n.data);
  return n;
}

static void
fields_are_the_definition_bit_for_bit (void **state)
{
  yyjson_doc *doc    = vectors_manifest ("philox");
  yyjson_val *fields = yyjson_obj_get (yyjson_doc_get_root (doc), "fields");

  (void) state;
  assert_int_equal (yyjson_arr_size (fields), 8);
  for (size_t i = 0; i < yyjson_arr_size (fields); i++)
    {
      yyjson_val   *entry = yyjson_arr_get (fields, i);
      vectors_array want  = vectors_load ("philox", yyjson_get_str (yyjson_obj_get (entry, "values")));
      noise         got   = noise_of (entry);

      assert_int_equal (want.count, got.count);
      for (size_t j = 0; j < got.count; j++)
        if (memcmp (&got.data[j], &want.data[j], sizeof (float)) != 0)
          fail_msg ("%s: value %zu is %a, not %a", yyjson_get_str (yyjson_obj_get (entry, "name")), j,
                    (double) got.data[j], (double) want.data[j]);
      df_free (got.data);
      df_free (want.data);
    }
  yyjson_doc_free (doc);
}

/* FNV-1a, 64 bits, a 32-bit word at a time. */
static uint64_t
hash_of (const noise *n)
{
  uint64_t h = 0xcbf29ce484222325u;

  for (size_t i = 0; i < n->count; i++)
    {
      uint32_t word;

      memcpy (&word, &n->data[i], sizeof word);
      h = (h ^ word) * 0x100000001b3u;
    }
  return h;
}

static void
a_million_values_have_the_pinned_hash (void **state)
{
  yyjson_doc *doc   = vectors_manifest ("philox");
  yyjson_val *large = yyjson_obj_get (yyjson_doc_get_root (doc), "large");
  noise       got   = noise_of (large);
  uint64_t    want  = strtoull (yyjson_get_str (yyjson_obj_get (large, "fnv1a")), NULL, 16);

  (void) state;
  assert_int_equal (got.count, 1000000);
  assert_true (hash_of (&got) == want);
  df_free (got.data);
  yyjson_doc_free (doc);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (fields_are_the_definition_bit_for_bit),
    cmocka_unit_test (a_million_values_have_the_pinned_hash),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
