/* SPDX-License-Identifier: GPL-3.0-or-later */
/* names: see names.h. One component of the dotted path changes; attention's only below "attentions". */
#include "model/names.h"

#include <stdio.h>
#include <string.h>

static const struct { const char *below, *old, *now; } renames[] = {
  { ".attentions.", ".query.", ".to_q." },        { ".attentions.", ".q.", ".to_q." },
  { ".attentions.", ".key.", ".to_k." },          { ".attentions.", ".k.", ".to_k." },
  { ".attentions.", ".value.", ".to_v." },        { ".attentions.", ".v.", ".to_v." },
  { ".attentions.", ".proj_attn.", ".to_out.0." }, { ".attentions.", ".proj_out.", ".to_out.0." },
  { ".downsamplers.", ".Conv2d_0.", ".conv." },
};

bool
df_canonical_name (const char *name, char *out, size_t size)
{
  for (size_t i = 0; i < sizeof renames / sizeof *renames; i++)
    {
      const char *at = strstr (name, renames[i].below) != NULL ? strstr (name, renames[i].old) : NULL;

      if (at != NULL)
        return (size_t) snprintf (out, size, "%.*s%s%s", (int) (at - name), name, renames[i].now,
                                  at + strlen (renames[i].old)) < size;
    }
  return (size_t) snprintf (out, size, "%s", name) < size;
}
