/* SPDX-License-Identifier: GPL-3.0-or-later */
/* status: the one place that formats error texts. Names in them come from files and may hold anything; the text goes
 * to widgets and terminals, so that it is made UTF-8 without control characters here. */
#include "base/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/* Bytes of the well-formed UTF-8 character that begins here (Unicode 15, table 3-7); 0 for anything else. */
static size_t
character (const unsigned char *c)
{
  size_t more = c[0] < 0x80                    ? 0
                : c[0] >= 0xc2 && c[0] < 0xe0  ? 1
                : c[0] >= 0xe0 && c[0] < 0xf0  ? 2
                : c[0] >= 0xf0 && c[0] < 0xf5  ? 3
                                               : 4;

  if (more == 4 || c[0] < 0x20 || c[0] == 0x7f)
    return 0;
  for (size_t i = 1; i <= more; i++)
    if ((c[i] & 0xc0) != 0x80)
      return 0;
  if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf0 && c[1] < 0x90) ||
      (c[0] == 0xf4 && c[1] > 0x8f))
    return 0;
  return more + 1;
}

static void
make_readable (char *text)
{
  while (*text != '\0')
    {
      size_t n = character ((const unsigned char *) text);

      if (n == 0)
        *text = '?';
      text += n > 0 ? n : 1;
    }
}

static const char *(*translator) (const char *text);

void
df_set_translator (const char *(*translate) (const char *text))
{
  translator = translate;
}

const char *
df_translated (const char *text)
{
  return translator != NULL ? translator (text) : text;
}

df_status
df_fail (df_error *err, df_status status, const char *format, ...)
{
  va_list args;

  if (err == NULL)
    return status;
  err->status = status;
  va_start (args, format);
  vsnprintf (err->text, sizeof err->text, df_translated (format), args);
  va_end (args);
  make_readable (err->text);
  return status;
}
