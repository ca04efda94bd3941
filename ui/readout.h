/* SPDX-License-Identifier: GPL-3.0-or-later */
/* readout: numbers of a run as words, in the user's language and with the user's decimal point. */
#ifndef UI_READOUT_H
#define UI_READOUT_H

#include <glib.h>

#include "core/diffusion.h"
#include "plugin/job.h"

/* "about 12 seconds"; g_free. */
char *readout_duration (double seconds);
/* "t = 480   √ᾱ = 0.612   SNR = 0.6"; g_free. */
char *readout_level    (int t, const df_level *level);
/* "Step 5 of 25", with the picture where there are several, and the level after it; "" without steps; g_free. */
char *readout_step     (const job_moment *now);

#endif
