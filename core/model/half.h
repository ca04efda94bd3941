/* SPDX-License-Identifier: GPL-3.0-or-later */
/* half: 16-bit floats as files have them: IEEE binary16 and bfloat16. */
#ifndef DF_MODEL_HALF_H
#define DF_MODEL_HALF_H

#include <stdint.h>

float    df_half_to_float   (uint16_t half);
float    df_bfloat_to_float (uint16_t bfloat);
uint16_t df_float_to_half   (float value);      /* to nearest, ties to even; too large gives infinity */

#endif
