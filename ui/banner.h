/* SPDX-License-Identifier: GPL-3.0-or-later */
/* banner: a line on top of a dialog that says what cannot be done, and what to do about it. */
#ifndef UI_BANNER_H
#define UI_BANNER_H

#include <gtk/gtk.h>

typedef struct banner
{
  GtkWidget *bar;        /* to be packed; hidden where there is nothing to say */
  GtkWidget *text;
} banner;

banner banner_new  (void);
/* problem: NULL where there is none. */
void   banner_tell (const banner *b, const char *problem);

#endif
