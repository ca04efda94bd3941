/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mapped: see mapped.h. */
#define _DEFAULT_SOURCE   /* madvise */
#include "base/mapped.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

df_status
df_mapped_open (df_mapped *out, const char *path, df_error *err)
{
  struct stat info;
  int         file = open (path, O_RDONLY | O_CLOEXEC);
  void       *bytes = NULL;
  int         problem;

  *out = (df_mapped) { NULL, 0 };
  if (file < 0)
    return df_fail (err, DF_ERROR_IO, "Cannot open %s: %s.", path, strerror (errno));
  problem = fstat (file, &info) != 0 ? errno : S_ISREG (info.st_mode) ? 0 : EISDIR;
  if (problem == 0 && info.st_size > 0)
    {
      bytes = mmap (NULL, (size_t) info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
      problem = bytes == MAP_FAILED ? errno : 0;
    }
  close (file);
  if (problem != 0)
    return df_fail (err, DF_ERROR_IO, "Cannot read %s: %s.", path, strerror (problem));
  *out = (df_mapped) { bytes, (size_t) info.st_size };
  return DF_OK;
}

void
df_mapped_close (df_mapped *file)
{
  if (file->bytes != NULL)
    munmap ((void *) file->bytes, file->size);
  *file = (df_mapped) { NULL, 0 };
}

void
df_mapped_forget (const df_mapped *file, const void *bytes, size_t size)
{
  uintptr_t page  = (uintptr_t) sysconf (_SC_PAGESIZE);
  uintptr_t start = (uintptr_t) file->bytes, first = (uintptr_t) bytes, end = first + size;

  if (file->bytes == NULL || first < start || end > start + file->size)
    return;
  first = (first + page - 1) / page * page;
  end   = end / page * page;
  if (end > first)
    (void) madvise ((void *) first, end - first, MADV_DONTNEED);
}

bool
df_file_exists (const char *path)
{
  struct stat info;

  return stat (path, &info) == 0 && S_ISREG (info.st_mode) && access (path, R_OK) == 0;
}

char *
df_path_join (const char *folder, const char *name)
{
  size_t n    = strlen (folder) + strlen (name) + 2;
  char  *path = df_alloc (n, 1);

  if (path != NULL)
    snprintf (path, n, "%s/%s", folder, name);
  return path;
}

static bool
write_all (int file, const df_span *spans, size_t count)
{
  for (size_t i = 0; i < count; i++)
    {
      const char *at   = spans[i].bytes;
      size_t      left = spans[i].size;

      while (left > 0)
        {
          ssize_t n = write (file, at, left < (1u << 30) ? left : (1u << 30));

          if (n < 0 && errno == EINTR)
            continue;
          if (n <= 0)
            return false;
          at   += n;
          left -= (size_t) n;
        }
    }
  return fsync (file) == 0;
}

df_status
df_file_write (const char *path, const df_span *spans, size_t count, df_error *err)
{
  size_t n    = strlen (path) + 32;
  char  *temp = df_alloc (n, 1);
  int    file, problem;

  if (temp == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory while %s was written.", path);
  snprintf (temp, n, "%s.part-%ld", path, (long) getpid ());
  file    = open (temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  problem = file < 0 ? errno : 0;
  if (file >= 0)
    {
      problem = write_all (file, spans, count) ? 0 : errno;
      problem = close (file) != 0 && problem == 0 ? errno : problem;
      problem = problem == 0 && rename (temp, path) != 0 ? errno : problem;
      if (problem != 0)
        unlink (temp);
    }
  df_free (temp);
  if (problem == 0)
    return DF_OK;
  return df_fail (err, DF_ERROR_IO, "Cannot write %s: %s. Free some space or choose another folder.", path,
                  strerror (problem));
}

df_status
df_folder_make (const char *path, df_error *err)
{
  struct stat info;

  if (mkdir (path, 0755) == 0 || (errno == EEXIST && stat (path, &info) == 0 && S_ISDIR (info.st_mode)))
    return DF_OK;
  return df_fail (err, DF_ERROR_IO, "Cannot make the folder %s: %s.", path, strerror (errno));
}
