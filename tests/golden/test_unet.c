/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Network outputs against diffusers in float64 (tests/reference/make_unet_vectors.py), every instruction set. */
#include "vectors.h"

#include "base/alloc.h"
#include "fixture.h"
#include "net/unet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *const sets[] = {
  "unet-absent", "unet-adm", "unet-adm-conv", "unet-aliases", "unet-attn-groups", "unet-bf16", "unet-center-input",
  "unet-default", "unet-f16", "unet-google", "unet-grey", "unet-head-dim-odd", "unet-non-square", "unet-one-level",
  "unet-pipeline", "unet-plain", "unet-plain-class", "unet-plain-google", "unet-resnet-default-time", "unet-rgba",
  "unet-tile-plain", "unet-tile-plain-google",
};

static void
run_case (const char *set, const df_model *model, yyjson_val *entry, df_pool *pool)
{
  vectors_array x    = vectors_load (set, yyjson_get_str (yyjson_obj_get (entry, "x")));
  vectors_array want = vectors_load (set, yyjson_get_str (yyjson_obj_get (entry, "y")));
  const char   *tile = yyjson_get_str (yyjson_obj_get (entry, "tile"));
  yyjson_val   *labels = yyjson_obj_get (entry, "labels");
  size_t        n = x.shape[0], c = x.shape[1], h = x.shape[2], w = x.shape[3];
  df_unet_size  size = { (int) n, (int) w, (int) h, strchr (tile, 'x') != NULL, strchr (tile, 'y') != NULL };
  double        t[8], *wanted = fixture_doubles (want.data, want.count), error;
  int           classes[8];
  float        *in = vectors_nhwc (x.data, n, c, h, w), *out = df_alloc (want.count, sizeof *out), *back;
  df_unet      *unet;
  df_error      err = { 0 };

  for (size_t i = 0; i < n; i++)
    {
      t[i]       = yyjson_get_num (yyjson_arr_get (yyjson_obj_get (entry, "t"), i));
      classes[i] = yyjson_get_int (yyjson_arr_get (labels, i));
    }
  if (df_unet_new (&unet, model, &size, pool, &err) != DF_OK ||
      df_unet_eval (unet, in, t, yyjson_is_arr (labels) ? classes : NULL, NULL, out, &err) != DF_OK)
    fail_msg ("%s: %s", set, err.text);
  back  = vectors_nchw (out, n, want.shape[1], h, w);
  error = fixture_error (back, wanted, want.count);
  print_message ("%-26s %-6s max/rms %.2e\n", set, yyjson_get_str (yyjson_obj_get (entry, "name")), error);
  assert_true (error <= yyjson_get_num (yyjson_obj_get (entry, "tolerance")));
  df_unet_free (unet);
  df_free (x.data); df_free (want.data); df_free (wanted); df_free (in); df_free (out); df_free (back);
}

static void
outputs_are_diffusers (void **state)
{
  (void) state;
  vectors_each_case (sets, sizeof sets / sizeof *sets, run_case);
}

int
main (void)
{
  const struct CMUnitTest tests[] = { cmocka_unit_test (outputs_are_diffusers) };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
