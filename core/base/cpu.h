/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cpu: which instruction set the kernels use. Chosen once per process from the CPU alone;
 * GIMP_DIFFUSION_ISA=generic|avx2|avx512 forces a lower one, GIMP_DIFFUSION_PLAIN=1 the plain road: no fusion, no Winograd
 * (tests, comparisons). */
#ifndef DF_BASE_CPU_H
#define DF_BASE_CPU_H

#include <stdbool.h>

typedef enum df_isa { DF_ISA_GENERIC, DF_ISA_AVX2, DF_ISA_AVX512 } df_isa;

df_isa      df_cpu_isa (void);
bool        df_cpu_plain (void);
const char *df_isa_name (df_isa isa);

#endif
