/* SPDX-License-Identifier: GPL-3.0-or-later */
/* half: see half.h. */
#include "model/half.h"

#include <math.h>
#include <string.h>

float
df_half_to_float (uint16_t half)
{
  int   exponent = half >> 10 & 31;
  float mantissa = (float) (half & 1023), value;

  if (exponent == 31)
    value = half & 1023 ? NAN : INFINITY;
  else if (exponent == 0)
    value = ldexpf (mantissa, -24);
  else
    value = ldexpf (mantissa + 1024.0f, exponent - 25);
  return half & 0x8000 ? -value : value;
}

float
df_bfloat_to_float (uint16_t bfloat)
{
  uint32_t bits = (uint32_t) bfloat << 16;
  float    value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

uint16_t
df_float_to_half (float value)
{
  uint16_t sign = signbit (value) ? 0x8000 : 0;
  float    size = fabsf (value);
  int      exponent;
  long     steps;

  if (isnan (value))
    return sign | 0x7e00;
  if (size >= 65520.0f)
    return sign | 0x7c00;
  if (size < 0x1p-14f)     /* subnormal: steps of 2^-24 */
    return (uint16_t) (sign | (uint16_t) lrintf (size * 0x1p24f));
  frexpf (size, &exponent);
  steps = lrintf (ldexpf (size, 11 - exponent));   /* 1024 … 2048 */
  return (uint16_t) (sign + (uint16_t) (((exponent + 13) << 10) + (int) steps));
}
