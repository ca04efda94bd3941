/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repeats: where a texture repeats itself: the autocorrelation of its texton. */
#ifndef DF_PROCESS_REPEATS_H
#define DF_PROCESS_REPEATS_H

#include "model/texton.h"

#define DF_REPEATS_FAR    96     /* pixels away, at most                                                         */
#define DF_REPEATS_STRONG 0.4f   /* of 1: from here on a pattern is strict, and has a lattice                     */

#define DF_REPEATS_STEP   2      /* pixels of a place in the table                                               */
#define DF_REPEATS_PLACES (DF_REPEATS_FAR / DF_REPEATS_STEP)

typedef struct df_repeats
{
  float at[DF_REPEATS_PLACES + 1][2 * DF_REPEATS_PLACES + 1];   /* lag (dy, dx): [dy][PLACES + dx]; the other half mirrors it */
  int   far_x, far_y;                                           /* pixels; no lag beyond is known, FAR at most               */
  bool  strict;                                                 /* some lag beyond 16 pixels is STRONG                        */
} df_repeats;

/* Of the light, the fading of the edges taken out. Errors: MEMORY. */
DF_CHECKED df_status df_repeats_make (df_repeats *out, const df_texton *texton, df_error *err);
/* The autocorrelation at a lag in pixels, 1 at 0; 0 beyond FAR. */
float                df_repeats_at   (const df_repeats *repeats, double dx, double dy);
/* The period along x or y in pixels: the shortest lag, 16 or more, that is among the strongest and STRONG; 0: none. */
double               df_repeats_period (const df_repeats *repeats, bool vertical);

#endif
