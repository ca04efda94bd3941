/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clock: seconds that only ever grow, from an arbitrary start; for measuring, never for deciding what is computed. */
#ifndef DF_BASE_CLOCK_H
#define DF_BASE_CLOCK_H

double df_seconds (void);

#endif
