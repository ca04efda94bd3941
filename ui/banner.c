/* SPDX-License-Identifier: GPL-3.0-or-later */
/* banner: see banner.h. */
#include "banner.h"

#define WIDTH 80     /* characters before it wraps */

banner
banner_new (void)
{
  banner     b   = { gtk_info_bar_new (), gtk_label_new (NULL) };
  GtkWidget *box = gtk_info_bar_get_content_area (GTK_INFO_BAR (b.bar));

  gtk_label_set_line_wrap (GTK_LABEL (b.text), TRUE);
  gtk_label_set_line_wrap_mode (GTK_LABEL (b.text), PANGO_WRAP_WORD_CHAR);     /* paths are long words */
  gtk_label_set_max_width_chars (GTK_LABEL (b.text), WIDTH);
  gtk_label_set_xalign (GTK_LABEL (b.text), 0.0);
  gtk_info_bar_set_message_type (GTK_INFO_BAR (b.bar), GTK_MESSAGE_WARNING);
  gtk_container_add (GTK_CONTAINER (box), gtk_image_new_from_icon_name ("dialog-warning", GTK_ICON_SIZE_BUTTON));
  gtk_container_add (GTK_CONTAINER (box), b.text);
  gtk_widget_show_all (box);
  gtk_widget_set_no_show_all (b.bar, TRUE);
  return b;
}

void
banner_tell (const banner *b, const char *problem)
{
  gtk_label_set_text (GTK_LABEL (b->text), problem != NULL ? problem : "");
  gtk_widget_set_visible (b->bar, problem != NULL);
}
