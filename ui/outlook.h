/* SPDX-License-Identifier: GPL-3.0-or-later */
/* outlook: what OK would do, said before it: why not (a banner, and no OK), how long and how much memory, for partial
 * denoise the selection noised to t, which follows the slider at once, and the whole result at the press of a button. */
#ifndef UI_OUTLOOK_H
#define UI_OUTLOOK_H

#include <gtk/gtk.h>
#include <libgimp/gimp.h>

#include "banner.h"
#include "model_chooser.h"
#include "noised.h"
#include "plugin/args.h"
#include "rehearse.h"

typedef struct outlook
{
  GtkWidget           *window;                  /* the dialog */
  GimpImage           *image;
  GimpDrawable       **drawables;
  GimpProcedureConfig *config;
  procedure_kind       kind;
  const model_chooser *chooser;
  banner               banner;
  GtkWidget           *cost, *side, *picture, *text;
  GtkWidget           *map;                     /* NULL for generate                            */
  rehearse            *preview;                 /* NULL for variations                          */
  noised               view;                    /* empty for generate                           */
  char                *key;                     /* what would be worked on, NULL: nothing       */
  gboolean             back;                    /* the user was elsewhere, and may have painted */
  float               *pixels;                  /* of the picture, [view]                       */
  guint                later;                   /* source of the next look                      */
} outlook;

/* Widgets to be packed by the dialog: banner, cost and side. Looks again whenever the config changes
 * or the window gets the focus: the user may have painted or selected meanwhile. */
/* The t that partial denoising with this config starts from; of several the first. */
int      outlook_start (GObject *config, const df_model *model);

outlook *outlook_new  (GtkWidget *window, GimpImage *image, GimpDrawable **drawables, GimpProcedureConfig *config,
                       procedure_kind kind, const model_chooser *chooser);
/* Looks now. */
void     outlook_look (outlook *o);
void     outlook_free (outlook *o);

#endif
