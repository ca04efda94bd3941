/* SPDX-License-Identifier: GPL-3.0-or-later */
/* split: see split.h. */
#include "split.h"

#include <glib/gi18n-lib.h>

#define KEY_MOVE 0.02     /* of the width, by a key */
#define KNOB     5.0      /* radius of the divider's grip */

struct _Split
{
  GtkDrawingArea parent;
  GdkPixbuf     *before, *after;
  double         at;              /* the divider, 0 … 1 of the picture's width */
};

G_DEFINE_TYPE (Split, split, GTK_TYPE_DRAWING_AREA)

/* The picture's place in the widget: in its middle. FALSE: there is none. */
static gboolean
place_of (Split *s, GdkRectangle *out)
{
  if (s->after == NULL)
    return FALSE;
  out->width  = gdk_pixbuf_get_width (s->after);
  out->height = gdk_pixbuf_get_height (s->after);
  out->x      = MAX ((gtk_widget_get_allocated_width (GTK_WIDGET (s)) - out->width) / 2, 0);
  out->y      = MAX ((gtk_widget_get_allocated_height (GTK_WIDGET (s)) - out->height) / 2, 0);
  return TRUE;
}

static void
draw_divider (Split *s, cairo_t *cr, const GdkRectangle *place)
{
  double x = place->x + s->at * place->width, y = place->y + place->height / 2.0;

  for (int white = 0; white < 2; white++)     /* a white line in a black one shows on everything */
    {
      cairo_set_source_rgb (cr, white, white, white);
      cairo_set_line_width (cr, white ? 1.0 : 3.0);
      cairo_move_to (cr, x, place->y);
      cairo_line_to (cr, x, place->y + place->height);
      cairo_stroke (cr);
      cairo_arc (cr, x, y, white ? KNOB : KNOB + 1.0, 0.0, 2.0 * G_PI);
      cairo_fill (cr);
    }
}

static gboolean
split_draw (GtkWidget *widget, cairo_t *cr)
{
  Split       *s = DIFFUSION_SPLIT (widget);
  GdkRectangle place;

  if (!place_of (s, &place))
    return FALSE;
  gdk_cairo_set_source_pixbuf (cr, s->after, place.x, place.y);
  cairo_paint (cr);
  if (s->before != NULL)
    {
      cairo_save (cr);
      cairo_rectangle (cr, place.x, place.y, s->at * place.width, place.height);
      cairo_clip (cr);
      gdk_cairo_set_source_pixbuf (cr, s->before, place.x, place.y);
      cairo_paint (cr);
      cairo_restore (cr);
      draw_divider (s, cr, &place);
      if (gtk_widget_has_focus (widget))
        gtk_render_focus (gtk_widget_get_style_context (widget), cr, place.x, place.y, place.width, place.height);
    }
  return FALSE;
}

static void
move_divider (Split *s, double at)
{
  char *text;

  s->at = CLAMP (at, 0.0, 1.0);
  text  = g_strdup_printf (_("The divider is at %.0f%% of the width"), 100.0 * s->at);
  atk_object_set_description (gtk_widget_get_accessible (GTK_WIDGET (s)), text);
  gtk_widget_queue_draw (GTK_WIDGET (s));
  g_free (text);
}

static void
follow_mouse (Split *s, double x)
{
  GdkRectangle place;

  if (s->before != NULL && place_of (s, &place))
    move_divider (s, (x - place.x) / place.width);
}

static gboolean
split_button (GtkWidget *widget, GdkEventButton *event)
{
  gtk_widget_grab_focus (widget);
  follow_mouse (DIFFUSION_SPLIT (widget), event->x);
  return TRUE;
}

static gboolean
split_motion (GtkWidget *widget, GdkEventMotion *event)
{
  follow_mouse (DIFFUSION_SPLIT (widget), event->x);
  return TRUE;
}

static gboolean
split_key (GtkWidget *widget, GdkEventKey *event)
{
  Split *s = DIFFUSION_SPLIT (widget);

  if (s->before == NULL)
    return FALSE;
  switch (event->keyval)
    {
    case GDK_KEY_Left:
      move_divider (s, s->at - KEY_MOVE);
      return TRUE;
    case GDK_KEY_Right:
      move_divider (s, s->at + KEY_MOVE);
      return TRUE;
    case GDK_KEY_Home:
      move_divider (s, 0.0);
      return TRUE;
    case GDK_KEY_End:
      move_divider (s, 1.0);
      return TRUE;
    default:
      return FALSE;
    }
}

static void
split_finalize (GObject *object)
{
  Split *s = DIFFUSION_SPLIT (object);

  g_clear_object (&s->before);
  g_clear_object (&s->after);
  G_OBJECT_CLASS (split_parent_class)->finalize (object);
}

static void
split_class_init (SplitClass *klass)
{
  GtkWidgetClass *widget = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = split_finalize;
  widget->draw                     = split_draw;
  widget->button_press_event       = split_button;
  widget->motion_notify_event      = split_motion;
  widget->key_press_event          = split_key;
}

static void
split_init (Split *s)
{
  s->at = 0.5;
  gtk_widget_add_events (GTK_WIDGET (s), GDK_BUTTON_PRESS_MASK | GDK_BUTTON1_MOTION_MASK | GDK_KEY_PRESS_MASK);
}

GtkWidget *
split_new (int width, int height, const char *accessible_name)
{
  GtkWidget *widget = g_object_new (split_get_type (), NULL);

  gtk_widget_set_size_request (widget, width, height);
  atk_object_set_name (gtk_widget_get_accessible (widget), accessible_name);
  return widget;
}

void
split_show (Split *s, GdkPixbuf *before, GdkPixbuf *after)
{
  g_clear_object (&s->before);
  s->before = before;
  gtk_widget_set_can_focus (GTK_WIDGET (s), before != NULL);
  gtk_widget_set_tooltip_text (GTK_WIDGET (s), before != NULL ? _("Left of the divider the picture before, right of it after. "
                                                                 "Drag it, or press Left and Right") : NULL);
  split_after (s, after);
}

void
split_after (Split *s, GdkPixbuf *after)
{
  g_clear_object (&s->after);
  s->after = after;
  gtk_widget_queue_draw (GTK_WIDGET (s));
}
