/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command: settings as a line for a shell, which makes with gimp-console what a dialog would make. */
#ifndef PLUGIN_COMMAND_H
#define PLUGIN_COMMAND_H

#include <libgimp/gimp.h>

#include "args.h"

/* Loads the image's XCF file, in which layers and selection are, runs the procedure on the layer of the same name, and saves
 * beside it as NAME-diffusion.xcf; an image that was never saved stands there as IMAGE.xcf. g_free. */
char *command_text (GimpImage *image, GimpDrawable **drawables, const char *procedure, const settings *s);

#endif
