/* SPDX-License-Identifier: GPL-3.0-or-later */
/* select: the table of kernels for this CPU. */
#include "base/cpu.h"
#include "kernels/kernels.h"

extern const df_kernels df_kernels_generic;
#if defined(__x86_64__)
extern const df_kernels df_kernels_avx2, df_kernels_avx512;
#endif

const df_kernels *
df_kernels_get (void)
{
  switch (df_cpu_isa ())
    {
#if defined(__x86_64__)
    case DF_ISA_AVX512: return &df_kernels_avx512;
    case DF_ISA_AVX2:   return &df_kernels_avx2;
#endif
    default:            return &df_kernels_generic;
    }
}
