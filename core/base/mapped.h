/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mapped: whole files, read-only in memory; and files written atomically. With threads the only door to the
 * system in core. */
#ifndef DF_BASE_MAPPED_H
#define DF_BASE_MAPPED_H

#include "base/status.h"

typedef struct df_mapped
{
  const void *bytes;     /* NULL for an empty file */
  size_t      size;
} df_mapped;

/* Errors: IO (path and the system's reason). */
DF_CHECKED df_status df_mapped_open  (df_mapped *out, const char *path, df_error *err);
void                 df_mapped_close (df_mapped *file);

/* The pages that lie wholly in this part may go: they come back from the file when they are read again. Does nothing
 * for bytes that are not the file's. */
void df_mapped_forget (const df_mapped *file, const void *bytes, size_t size);

bool df_file_exists (const char *path);     /* a regular file that can be read */

/* "folder/name" in new memory (df_free); NULL when memory is refused. */
char *df_path_join (const char *folder, const char *name);

typedef struct df_span { const void *bytes; size_t size; } df_span;

/* Writes the spans one after another beside `path`, syncs and renames: the old file or the whole new one.
 * Errors: IO (path, the system's reason), MEMORY. */
DF_CHECKED df_status df_file_write (const char *path, const df_span *spans, size_t count, df_error *err);
/* Makes a folder (and no parents); fine if it is there. */
DF_CHECKED df_status df_folder_make (const char *path, df_error *err);

#endif
