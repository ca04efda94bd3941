/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Importing and deleting models: argv[1] is the folder of the tiny model, argv[2] one that this test may fill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>

#include "plugin/find_model.h"
#include "plugin/library.h"

static const char *tiny, *scratch;

static void
run (const char *format, const char *a, const char *b)
{
  char *command = g_strdup_printf (format, a, b);
  int   status;

  assert_true (g_spawn_command_line_sync (command, NULL, NULL, &status, NULL));
  assert_int_equal (status, 0);
  g_free (command);
}

/* Path of NAME within the scratch or, own, within the user's models; freed with the process. */
static const char *
at (gboolean own, const char *name)
{
  return own ? g_strdup_printf ("%s/gimp-diffusion/models/%s", scratch, name) : g_strdup_printf ("%s/%s", scratch, name);
}

static int
start (void **state)
{
  run ("rm -rf %s%s", scratch, "");
  run ("mkdir -p %s%s", scratch, "/foreign");
  run ("cp -r %s %s/good", tiny, scratch);
  run ("cp -r %s %s/damaged", tiny, scratch);
  run ("sh -c 'echo x > %s%s'", scratch, "/good/secret.txt");
  run ("sh -c 'echo authors > %s%s'", scratch, "/good/ATTRIBUTION.txt");
  run ("sh -c 'for f in $(find %s/damaged -name *.safetensors); do head -c 100 /dev/zero > $f; done%s'", scratch, "");
  return 0;
}

static gboolean
refused (const char *folder, const char *says)
{
  GError  *error = NULL;
  gboolean is    = !library_import (folder, &error) && strstr (error->message, says) != NULL;

  if (!is)
    print_message ("%s: %s\n", folder, error != NULL ? error->message : "imported");
  g_clear_error (&error);
  return is;
}

static void
only_what_can_be_used (void **state)
{
  assert_true (refused (at (FALSE, "foreign"), "cannot be used"));
  assert_true (refused (at (FALSE, "damaged"), "cannot be used"));
  assert_true (refused (at (FALSE, "nowhere"), "cannot be used"));
  assert_false (g_file_test (at (TRUE, "damaged"), G_FILE_TEST_EXISTS));
}

static void
whole_or_not_at_all (void **state)
{
  char **names;

  assert_true (library_import (at (FALSE, "good/"), NULL));
  names = library_names ();
  assert_true (g_strv_contains ((const char *const *) names, "good"));
  g_strfreev (names);
  run ("diff -r -x secret.txt %s %s", at (FALSE, "good"), at (TRUE, "good"));
  assert_false (g_file_test (at (TRUE, "good/secret.txt"), G_FILE_TEST_EXISTS));
  assert_true (refused (at (FALSE, "good"), "installed already"));
  /* what an import that was cut off left behind goes with the next */
  run ("cp -r %s %s", at (FALSE, "good"), at (FALSE, "other"));
  run ("sh -c 'echo nonsense > %s/.importing-other%s'", at (TRUE, ""), "");
  assert_true (library_import (at (FALSE, "other"), NULL));
  assert_false (g_file_test (at (TRUE, ".importing-other"), G_FILE_TEST_EXISTS));
}

static void
only_ones_own_is_deleted (void **state)
{
  GError *error = NULL;

  assert_false (library_delete (at (FALSE, "good"), &error));
  assert_non_null (strstr (error->message, "own folder"));
  g_clear_error (&error);
  assert_true (g_file_test (at (FALSE, "good"), G_FILE_TEST_IS_DIR));
  assert_true (library_delete (at (TRUE, "good"), NULL));
  assert_false (g_file_test (at (TRUE, "good"), G_FILE_TEST_EXISTS));
  /* what a link points to stays */
  run ("ln -s %s %s", at (FALSE, "good"), at (TRUE, "link"));
  assert_true (library_delete (at (TRUE, "link"), NULL));
  assert_true (g_file_test (at (FALSE, "good"), G_FILE_TEST_IS_DIR));
}

int
main (int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (only_what_can_be_used),
    cmocka_unit_test (whole_or_not_at_all),
    cmocka_unit_test (only_ones_own_is_deleted),
  };

  tiny    = argv[1];
  scratch = argv[2];
  g_setenv ("XDG_DATA_HOME", scratch, TRUE);
  return cmocka_run_group_tests (tests, start, NULL);
}
