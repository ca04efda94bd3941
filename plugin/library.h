/* SPDX-License-Identifier: GPL-3.0-or-later */
/* library: putting models into the user's own folder and taking them out again. No libgimp: imports run in a thread. */
#ifndef PLUGIN_LIBRARY_H
#define PLUGIN_LIBRARY_H

#include <glib.h>

/* Names of all installed models; g_strfreev. */
char   **library_names  (void);
/* Whether a model lies in the user's own folder and may be deleted. */
gboolean library_is_own (const char *path);
/* Copies a diffusers folder, when this program can use it, under its own name; the copy appears whole or not at all. */
gboolean library_import (const char *folder, GError **error);
/* Deletes a model of the user's own folder. */
gboolean library_delete (const char *path, GError **error);

#endif
