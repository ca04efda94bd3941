/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The numbers of a run in words, against texts written by hand. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "ui/readout.h"

static void
is_text (char *text, const char *wanted)
{
  assert_string_equal (text, wanted);
  g_free (text);
}

static void
test_duration (void **state)
{
  (void) state;
  is_text (readout_duration (0.4), "less than a second");
  is_text (readout_duration (1.2), "about 1 second");
  is_text (readout_duration (12.4), "about 12 seconds");
  is_text (readout_duration (99.0), "about 99 seconds");
  is_text (readout_duration (100.0), "about 2 minutes");
}

static void
test_step (void **state)
{
  job_moment now = { .step = 5, .steps = 25, .t = 480, .level = { 0.6, 0.8, 0.5625 }, .picture = 1, .pictures = 1 };

  (void) state;
  is_text (readout_step (&now), "Step 5 of 25   t = 480   √ᾱ = 0.600   SNR = 0.562");
  now.level.snr = 2.4e-9;
  is_text (readout_step (&now), "Step 5 of 25   t = 480   √ᾱ = 0.600   SNR = 0.000");
  now.level.snr = 0.5625;
  now.pictures = 3;
  is_text (readout_step (&now), "Picture 2 of 3, step 5 of 25   t = 480   √ᾱ = 0.600   SNR = 0.562");
  now.t = -1;       /* the end: no noise is left to speak of */
  is_text (readout_step (&now), "Picture 2 of 3, step 5 of 25   ");
  now.steps = 0;    /* training */
  is_text (readout_step (&now), "");
}

int
main (void)
{
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_duration), cmocka_unit_test (test_step) };

  setlocale (LC_ALL, "C.UTF-8");
  return cmocka_run_group_tests (tests, NULL, NULL);
}
