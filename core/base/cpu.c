/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cpu: see cpu.h. A forced ISA that the CPU lacks is lowered to what it has, never trusted. */
#include "base/cpu.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = { "generic", "avx2", "avx512" };

static df_isa
detect (void)
{
#if defined(__x86_64__)
  __builtin_cpu_init ();
  if (__builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512vl") &&
      __builtin_cpu_supports ("avx512dq") && __builtin_cpu_supports ("avx512bw"))
    return DF_ISA_AVX512;
  if (__builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma"))
    return DF_ISA_AVX2;
#endif
  return DF_ISA_GENERIC;
}

df_isa
df_cpu_isa (void)
{
  const char *forced = getenv ("GIMP_DIFFUSION_ISA");
  df_isa      best   = detect ();

  for (int i = 0; forced != NULL && i <= (int) best; i++)
    if (strcmp (forced, names[i]) == 0)
      return (df_isa) i;
  return best;
}

bool
df_cpu_plain (void)
{
  const char *asked = getenv ("GIMP_DIFFUSION_PLAIN");

  return asked != NULL && strcmp (asked, "1") == 0;
}

const char *
df_isa_name (df_isa isa)
{
  return names[isa];
}
