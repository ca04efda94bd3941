/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include "base/alloc.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

int
scratch_setup (void **state)
{
  const char *parent = getenv ("TMPDIR");
  char        path[512];

  snprintf (path, sizeof path, "%s/test-XXXXXX", parent != NULL ? parent : "/tmp");
  if (mkdtemp (path) == NULL)
    return -1;
  *state = strdup (path);
  return 0;
}

static int
remove_one (const char *path, const struct stat *info, int type, struct FTW *place)
{
  (void) info;
  (void) type;
  return place->level > 0 ? remove (path) : 0;
}

void
scratch_empty (const char *folder)
{
  assert_int_equal (nftw (folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int
scratch_teardown (void **state)
{
  scratch_empty (*state);
  rmdir (*state);
  free (*state);
  return 0;
}

static void
path_into (char *out, size_t size, const char *folder, const char *path)
{
  assert_true ((size_t) snprintf (out, size, "%s/%s", folder, path) < size);
  for (char *slash = out + strlen (folder) + 1; (slash = strchr (slash, '/')) != NULL; slash++)
    {
      *slash = '\0';
      assert_true (mkdir (out, 0755) == 0 || errno == EEXIST);
      *slash = '/';
    }
}

void
scratch_write (const char *folder, const char *path, const void *bytes, size_t size)
{
  char  whole[768];
  FILE *file;

  path_into (whole, sizeof whole, folder, path);
  file = fopen (whole, "wb");
  assert_non_null (file);
  assert_int_equal (fwrite (bytes, 1, size, file), size);
  assert_int_equal (fclose (file), 0);
}

void
scratch_text (const char *folder, const char *path, const char *text)
{
  scratch_write (folder, path, text, strlen (text));
}

char *
scratch_read (const char *folder, const char *path, size_t *size)
{
  char  whole[768];
  FILE *file;
  char *bytes;
  long  n;

  path_into (whole, sizeof whole, folder, path);
  file = fopen (whole, "rb");
  assert_non_null (file);
  assert_int_equal (fseek (file, 0, SEEK_END), 0);
  n = ftell (file);
  rewind (file);
  bytes = calloc ((size_t) n + 1, 1);
  assert_int_equal (fread (bytes, 1, (size_t) n, file), n);
  fclose (file);
  if (size != NULL)
    *size = (size_t) n;
  return bytes;
}

void
scratch_remove (const char *folder, const char *path)
{
  char whole[768];

  path_into (whole, sizeof whole, folder, path);
  assert_int_equal (remove (whole), 0);
}

void
scratch_move (const char *folder, const char *from, const char *to)
{
  char old[768], now[768];

  path_into (old, sizeof old, folder, from);
  path_into (now, sizeof now, folder, to);
  assert_int_equal (rename (old, now), 0);
}

void *
scratch_safetensors (const char *header, size_t data, size_t *size)
{
  uint64_t       length = strlen (header);
  unsigned char *bytes  = malloc (8 + length + data);

  for (int i = 0; i < 8; i++)
    bytes[i] = (unsigned char) (length >> (8 * i));
  memcpy (bytes + 8, header, length);
  for (size_t i = 0; i < data; i++)
    bytes[8 + length + i] = (unsigned char) i;
  *size = 8 + length + data;
  return bytes;
}

void
scratch_refused (const char *what, df_status status, const df_error *err, df_status wanted, const char *word)
{
  if (status != wanted || err->status != wanted)
    fail_msg ("%s: status %d instead of %d: %s", what, (int) status, (int) wanted, err->text);
  if (strstr (err->text, word) == NULL)
    fail_msg ("%s: \"%s\" is not in \"%s\"", what, word, err->text);
  if (mbstowcs (NULL, err->text, 0) == (size_t) -1 || strchr (err->text, '\n') != NULL || strlen (err->text) > 500)
    fail_msg ("%s: cannot be shown: \"%s\"", what, err->text);
}

long
scratch_without_memory (df_status (*make) (void *user, df_error *err), void *user)
{
  for (long nth = 1; nth < 100000; nth++)
    {
      df_error  err = { 0 };
      df_status status;
      long      made;

      (void) df_alloc_fail_at (nth);
      status = make (user, &err);
      made   = df_alloc_fail_at (0);
      if (made < nth)
        {
          assert_int_equal (status, DF_OK);
          return made;
        }
      scratch_refused ("without memory", status, &err, DF_ERROR_MEMORY, "emory");
    }
  fail_msg ("never done");
  return 0;
}
