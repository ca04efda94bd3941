/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scratch: a folder of a test's own, files in it, safetensors from bare parts, and errors that must say something. */
#ifndef DF_TEST_SCRATCH_H
#define DF_TEST_SCRATCH_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* A new folder below the system's temporary one; cmocka's setup and teardown, *state is its path. */
int  scratch_setup    (void **state);
int  scratch_teardown (void **state);

/* path: below the scratch folder; missing folders are made. Each fails the test when the system refuses. */
void scratch_write  (const char *folder, const char *path, const void *bytes, size_t size);
void scratch_text   (const char *folder, const char *path, const char *text);
char *scratch_read  (const char *folder, const char *path, size_t *size);   /* free; 0-ended */
void scratch_remove (const char *folder, const char *path);
void scratch_move   (const char *folder, const char *from, const char *to);
void scratch_empty  (const char *folder);                                   /* all that is in it */

/* Header length, header and `data` bytes counting up from 0; free. */
void *scratch_safetensors (const char *header, size_t data, size_t *size);

/* The status is that one and the text has the word and is short, UTF-8 and of one line. what: for the message. */
void scratch_refused (const char *what, df_status status, const df_error *err, df_status wanted, const char *word);

/* Repeats `make` with each of its allocations refused in turn, until it succeeds without any refusal: every failure
 * must be MEMORY. Returns how many allocations there are. */
long scratch_without_memory (df_status (*make) (void *user, df_error *err), void *user);

#endif
