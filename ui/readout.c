/* SPDX-License-Identifier: GPL-3.0-or-later */
/* readout: see readout.h. */
#include "readout.h"

#include <glib/gi18n-lib.h>
#include <math.h>

char *
readout_duration (double seconds)
{
  if (seconds < 1.0)
    return g_strdup (_("less than a second"));
  if (seconds < 99.5)
    return g_strdup_printf (ngettext ("about %d second", "about %d seconds", (int) lround (seconds)),
                            (int) lround (seconds));
  return g_strdup_printf (ngettext ("about %d minute", "about %d minutes", (int) lround (seconds / 60.0)),
                          (int) lround (seconds / 60.0));
}

char *
readout_level (int t, const df_level *level)
{
  return g_strdup_printf (level->snr < 0.001 ? "t = %d   √ᾱ = %.3f   SNR = %.3f" : "t = %d   √ᾱ = %.3f   SNR = %.3g", t,
                          level->sqrt_alpha, level->snr);
}

char *
readout_step (const job_moment *now)
{
  char *level, *step, *text;

  if (now->steps == 0)
    return g_strdup ("");
  if (now->pictures > 1)
    step = g_strdup_printf (_("Picture %d of %d, step %d of %d"), now->picture + 1, now->pictures, now->step, now->steps);
  else
    step = g_strdup_printf (_("Step %d of %d"), now->step, now->steps);
  level = now->t >= 0 ? readout_level (now->t, &now->level) : g_strdup ("");
  text  = g_strdup_printf ("%s   %s", step, level);
  g_free (level);
  g_free (step);
  return text;
}
