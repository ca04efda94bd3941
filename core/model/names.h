/* SPDX-License-Identifier: GPL-3.0-or-later */
/* names: the spellings that tensor names had over time (core.md C2, modeling_utils' rename rules). */
#ifndef DF_MODEL_NAMES_H
#define DF_MODEL_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Today's diffusers name of a tensor of a file; false when it does not fit `size` bytes. */
bool df_canonical_name (const char *name, char *out, size_t size);

#endif
