/* SPDX-License-Identifier: GPL-3.0-or-later */
/* status: the one place that formats error texts. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

df_status
df_fail (df_error *err, df_status status, const char *format, ...)
{
  va_list args;

  if (err == NULL)
    return status;
  err->status = status;
  va_start (args, format);
  vsnprintf (err->text, sizeof err->text, format, args);
  va_end (args);
  return status;
}
