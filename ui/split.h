/* SPDX-License-Identifier: GPL-3.0-or-later */
/* split: a widget that shows a picture, or two of the same size with a divider between: the one before at its left, the
 * one after at its right. The divider follows the mouse, and the keys Left, Right, Home and End. */
#ifndef UI_SPLIT_H
#define UI_SPLIT_H

#include <gtk/gtk.h>

G_DECLARE_FINAL_TYPE (Split, split, DIFFUSION, SPLIT, GtkDrawingArea)

/* Asks for this size; larger pictures are not made smaller. */
GtkWidget *split_new  (int width, int height, const char *accessible_name);
/* Takes the references of both; before NULL: no divider. Both NULL: empty. */
void       split_show (Split *split, GdkPixbuf *before, GdkPixbuf *after);
/* Another picture after, the one before stays; takes the reference. */
void       split_after (Split *split, GdkPixbuf *after);

#endif
