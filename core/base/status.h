/* SPDX-License-Identifier: GPL-3.0-or-later */
/* status: how core functions fail. Who detects an error writes the message; who passes it on adds nothing. */
#ifndef DF_BASE_STATUS_H
#define DF_BASE_STATUS_H

#include "diffusion.h"

/* Fills err (if not NULL) and returns status, so that `return df_fail (err, DF_ERROR_…, "…", …);` is one line.
 * Control characters and what is not UTF-8 become '?': names may come from damaged files. */
df_status df_fail (df_error *err, df_status status, const char *format, ...)
  __attribute__ ((format (printf, 3, 4)));

/* A part of an error's text in the language that df_set_translator gave. */
const char *df_translated (const char *text) __attribute__ ((format_arg (1)));

/* Forward a failure where nothing is owned. */
#define DF_TRY(call)                 \
  do                                 \
    {                                \
      df_status try_status = (call); \
      if (try_status != DF_OK)       \
        return try_status;           \
    }                                \
  while (0)

#endif
