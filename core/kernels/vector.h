/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vector: DF_LANES floats as one value, for the files that are compiled once per instruction set. Partial vectors
 * go through the same code as whole ones, so that an element has the same bits wherever it stands. */
#ifndef DF_KERNELS_VECTOR_H
#define DF_KERNELS_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define UNROLL _Pragma ("GCC unroll 16")
#define INLINE static inline __attribute__ ((always_inline))

typedef float   vf __attribute__ ((vector_size (DF_LANES * 4)));
typedef float   vfu __attribute__ ((vector_size (DF_LANES * 4), aligned (4), may_alias));
typedef int32_t vi __attribute__ ((vector_size (DF_LANES * 4)));

INLINE vf   load  (const float *p)     { return *(const vfu *) p; }
INLINE void store (float *p, vf v)     { *(vfu *) p = v; }

INLINE vf
load_part (const float *p, size_t n)
{
  float part[DF_LANES] = { 0 };

  memcpy (part, p, n * sizeof *p);
  return load (part);
}

INLINE void
store_part (float *p, vf v, size_t n)
{
  float part[DF_LANES];

  store (part, v);
  memcpy (p, part, n * sizeof *p);
}

INLINE vf
load_channels (const float *p, int part)
{
  return part == DF_LANES ? load (p) : load_part (p, (size_t) part);
}

INLINE void
store_channels (float *p, vf v, int part)
{
  if (part == DF_LANES)
    store (p, v);
  else
    store_part (p, v, (size_t) part);
}

INLINE int
part_at (int c, int channels)
{
  return channels - c < DF_LANES ? channels - c : DF_LANES;
}

#endif
