/* SPDX-License-Identifier: GPL-3.0-or-later */
/* outlook: see outlook.h. Checks, forecast and reading take tens of milliseconds and wait until nothing has changed for a
 * moment; the picture of another t is a multiplication per pixel and waits for nothing. */
#include "outlook.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "picture.h"
#include "plugin/prepare.h"
#include "plugin/preview.h"
#include "readout.h"

#define PAUSE 120     /* ms without a change */

/* ------------------------------------------------------------------ the noised picture */

int
outlook_start (GObject *config, const df_model *model)
{
  const df_model_info *info   = df_model_describe (model);
  char                *levels = NULL;
  int                  t;

  g_object_get (config, "start-t", &t, NULL);
  if (g_object_class_find_property (G_OBJECT_GET_CLASS (config), "levels") != NULL)
    g_object_get (config, "levels", &levels, NULL);
  if (levels != NULL && prepare_first_level (levels) > 0)
    t = prepare_first_level (levels);
  g_free (levels);
  return CLAMP (t < 1 ? info->start_t : t, 1, info->num_train_timesteps - 1);
}

static void
draw (outlook *o)
{
  const noised *n = &o->view;
  gboolean      map;

  if (o->preview != NULL && o->preview->shown)
    return;
  if (o->map == NULL || o->key == NULL || o->chooser->model == NULL)
    {
      split_show (DIFFUSION_SPLIT (o->picture), NULL, NULL);
      gtk_label_set_text (GTK_LABEL (o->text), o->kind == PROCEDURE_GENERATE ? _("Preview shows here what OK would make.") : "");
      return;
    }
  map = gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (o->map));
  (map ? noised_map : noised_at) (n, o->chooser->model, outlook_start (G_OBJECT (o->config), o->chooser->model), o->pixels);
  split_show (DIFFUSION_SPLIT (o->picture), NULL, picture_pixbuf (o->pixels, n->width, n->height, map ? 1 : n->channels));
  gtk_label_set_text (GTK_LABEL (o->text), map ? _("The noise level of each pixel: white gives way to noise, black stays")
                                               : _("The selection at this noise level: what the run starts from"));
}

/* The user wants the picture of the noise. */
static void
draw_own (outlook *o)
{
  if (o->preview != NULL)
    rehearse_forget (o->preview);
  draw (o);
}

static void
forget_view (outlook *o)
{
  noised_clear (&o->view);
  g_clear_pointer (&o->key, g_free);
  g_clear_pointer (&o->pixels, g_free);
  if (o->preview != NULL)
    rehearse_forget (o->preview);
}

static void
look_at_picture (outlook *o, const prepared *p, const settings *s)
{
  char *key;

  if (o->kind == PROCEDURE_GENERATE)
    key = g_strdup_printf ("%d,%d %d×%d", p->place.x, p->place.y, p->place.width, p->place.height);
  else
    {
      char *place = preview_key (o->drawables[0], o->chooser->model, p, s), *pixels = NULL;

      /* only a focus that was elsewhere can have changed them, and they may be many */
      if (o->back || o->key == NULL || !g_str_has_prefix (o->key, place))
        pixels = preview_pixels (o->drawables[0], p);
      key     = pixels != NULL ? g_strconcat (place, pixels, NULL) : g_strdup (o->key);
      o->back = FALSE;
      g_free (pixels);
      g_free (place);
    }
  if (g_strcmp0 (key, o->key) != 0)
    {
      forget_view (o);
      if (o->kind != PROCEDURE_GENERATE)
        {
          o->view   = preview_read (o->drawables[0], o->chooser->model, p, s);
          o->pixels = g_new (float, (gsize) o->view.width * o->view.height * o->view.channels);
        }
      o->key = g_steal_pointer (&key);
    }
  g_free (key);
  draw (o);
}

/* ------------------------------------------------------------------ cost and refusal */

typedef struct cost { double seconds; size_t bytes; int steps; const df_rect *size; } cost;     /* size: of new layers */

static void
show_cost (outlook *o, const cost *c)
{
  char *time = readout_duration (c->seconds), *text, *all;

  text = g_strdup_printf (_("This takes %s and %.0f MB of memory (%d steps)."), time, ceil ((double) c->bytes / 1e6),
                          c->steps);
  all  = c->size == NULL ? g_strdup (text) : g_strdup_printf (_("%d × %d pixels. %s"), c->size->width, c->size->height, text);
  gtk_label_set_text (GTK_LABEL (o->cost), all);
  g_free (all);
  g_free (text);
  g_free (time);
}

/* problem: NULL where there is none. */
static void
show_problem (outlook *o, const char *problem)
{
  banner_tell (&o->banner, problem);
  if (problem != NULL)
    gtk_label_set_text (GTK_LABEL (o->cost), "");
  gtk_dialog_set_response_sensitive (GTK_DIALOG (o->window), GTK_RESPONSE_OK, problem == NULL);
  if (o->preview != NULL)
    gtk_widget_set_sensitive (o->preview->button, problem == NULL);
}

/* What the checks say; FALSE with an error. p: of the first picture; *steps: of all. */
static gboolean
prepare (outlook *o, settings *s, prepared *p, int *steps, GError **error)
{
  const df_model *model = o->chooser->model;
  settings       *each  = NULL;
  prepared       *all   = NULL;
  int             n;

  if (o->kind == PROCEDURE_GENERATE)
    {
      gboolean fine = prepare_generate (o->image, s, model, p, error);

      *steps = p->request.steps * s->count;
      return fine;
    }
  if (o->kind == PROCEDURE_DENOISE)
    {
      gboolean fine = prepare_denoise (o->image, o->drawables, s, model, p, error);

      *steps = p->request.steps;
      return fine;
    }
  n = prepare_variations (o->image, o->drawables, s, model, &each, &all, error);
  for (int i = 0; i < n; i++)
    *steps += all[i].request.steps * s->count;
  if (n > 0)
    *p = all[0];
  prepare_forget (each, all, n);
  return n > 0;
}

/* What a run of these settings would say against it; NULL: nothing. g_free. */
static char *
problem_of (outlook *o, settings *s, prepared *p, cost *c)
{
  const df_model *model = o->chooser->model;
  GError         *error = NULL;
  df_forecast     forecast;
  df_error        err;

  if (model == NULL)
    return g_strdup (o->chooser->problem);
  if (!prepare (o, s, p, &c->steps, &error))
    {
      char *text = g_strdup (error->message);

      g_error_free (error);
      return text;
    }
  if (df_forecast_run (model, &p->request, &forecast, &err) != DF_OK)
    return g_strdup (err.text);
  c->bytes   = forecast.bytes + p->results;
  c->seconds = forecast.seconds_per_step * c->steps;
  if (c->bytes <= p->request.memory_cap)
    return NULL;
  return g_strdup_printf (_("This needs %.0f MB of memory, and the cap is %.0f MB: make it smaller, or raise the cap under "
                            "Details."), ceil ((double) c->bytes / 1e6), (double) p->request.memory_cap / 1e6);
}

void
outlook_look (outlook *o)
{
  settings s       = args_read (o->config, o->kind);
  prepared p       = { 0 };
  cost     c       = { 0 };
  char    *problem = problem_of (o, &s, &p, &c);

  show_problem (o, problem);
  if (o->kind == PROCEDURE_GENERATE)
    c.size = &p.place;
  if (problem == NULL)
    show_cost (o, &c);
  if ((o->kind == PROCEDURE_GENERATE ? p.place.width : p.canvas.width) > 0)
    look_at_picture (o, &p, &s);
  else
    {
      forget_view (o);
      draw (o);
    }
  g_free (problem);
  settings_clear (&s);
}

static gboolean
look_later (gpointer data)
{
  outlook *o = data;

  o->later = 0;
  outlook_look (o);
  return G_SOURCE_REMOVE;
}

static void
look_soon (outlook *o)
{
  if (o->later != 0)
    g_source_remove (o->later);
  o->later = g_timeout_add (PAUSE, look_later, o);
}

static void
changed (outlook *o)
{
  if (o->preview != NULL)
    rehearse_forget (o->preview);
  look_soon (o);
}

static gboolean
focused (GtkWidget *window, GdkEvent *event, outlook *o)
{
  o->back = TRUE;
  look_soon (o);
  return FALSE;
}

/* ------------------------------------------------------------------ widgets */

static GtkWidget *
wrapped_label (void)
{
  GtkWidget *label = gtk_label_new (NULL);

  gtk_label_set_line_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_max_width_chars (GTK_LABEL (label), 60);
  gtk_label_set_xalign (GTK_LABEL (label), 0.0);
  return label;
}

/* Partial denoise: the picture can be a map instead. */
static void
add_map (outlook *o)
{
  o->map = gtk_check_button_new_with_mnemonic (_("Show how much noise each pi_xel gets"));
  gtk_widget_set_tooltip_text (o->map, _("White gives way to noise wholly, black stays: shows edge and feather"));
  gtk_box_pack_start (GTK_BOX (o->side), o->map, FALSE, FALSE, 0);
  g_signal_connect_swapped (o->map, "toggled", G_CALLBACK (draw_own), o);
  g_signal_connect_swapped (o->config, "notify::start-t", G_CALLBACK (draw_own), o);
  if (o->kind == PROCEDURE_VARIATIONS)
    g_signal_connect_swapped (o->config, "notify::levels", G_CALLBACK (draw_own), o);
}

static void
add_side (outlook *o)
{
  o->side    = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  o->picture = split_new (PICTURE_SIDE, PICTURE_SIDE, o->kind == PROCEDURE_GENERATE ? _("The preview") : _("The noised selection"));
  o->text    = wrapped_label ();
  gtk_label_set_max_width_chars (GTK_LABEL (o->text), 40);
  gtk_box_pack_start (GTK_BOX (o->side), o->picture, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (o->side), o->text, FALSE, FALSE, 0);
  if (o->kind != PROCEDURE_GENERATE)
    add_map (o);
  if (o->kind == PROCEDURE_VARIATIONS)
    return;
  o->preview = rehearse_new (o->window, DIFFUSION_SPLIT (o->picture), GTK_LABEL (o->text), o->image, o->drawables, o->config,
                             o->kind);
  o->preview->forgotten = (void (*) (gpointer)) draw;
  o->preview->user      = o;
  gtk_box_pack_start (GTK_BOX (o->side), o->preview->box, FALSE, FALSE, 0);
}

outlook *
outlook_new (GtkWidget *window, GimpImage *image, GimpDrawable **drawables, GimpProcedureConfig *config,
             procedure_kind kind, const model_chooser *chooser)
{
  outlook *o = g_new0 (outlook, 1);

  o->window    = window;
  o->image     = image;
  o->drawables = drawables;
  o->config    = config;
  o->kind      = kind;
  o->chooser   = chooser;
  o->cost      = wrapped_label ();
  o->banner    = banner_new ();
  add_side (o);
  g_signal_connect_swapped (config, "notify", G_CALLBACK (changed), o);
  g_signal_connect (window, "focus-in-event", G_CALLBACK (focused), o);
  return o;
}

void
outlook_free (outlook *o)
{
  if (o->later != 0)
    g_source_remove (o->later);
  g_signal_handlers_disconnect_by_data (o->config, o);
  g_clear_pointer (&o->preview, rehearse_free);
  noised_clear (&o->view);
  g_free (o->key);
  g_free (o->pixels);
  g_free (o);
}
