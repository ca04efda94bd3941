/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pick: several results as thumbnails, of which the user keeps any number. */
#ifndef UI_PICK_H
#define UI_PICK_H

#include <glib.h>

#include "plugin/job.h"

/* keep [choice->count]: which are kept, all to begin with. FALSE: none, and nothing else happens. */
gboolean pick_run (const job_choice *choice, gboolean *keep);

#endif
