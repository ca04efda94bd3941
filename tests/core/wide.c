/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wide: in a test that is linked with this, the table of kernels is the one with AVX-512's tiles and vectors, in
 * instructions that every machine has. It stands before the core's own select.c, which is then not linked. */
#include "kernels/kernels.h"

extern const df_kernels df_kernels_wide;

const df_kernels *
df_kernels_get (void)
{
  return &df_kernels_wide;
}
