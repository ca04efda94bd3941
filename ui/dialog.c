/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dialog: see dialog.h. One grid of labels and controls, each bound to a property of the config both ways, so that
 * GIMP's reset and saved settings move the controls. The noise level is a slider linear in √ᾱ_t, what is left of the
 * picture, with t, √ᾱ_t and the signal-to-noise ratio said beside it. */
#include "dialog.h"

#include <glib/gi18n-lib.h>
#include <libgimp/gimpui.h>
#include <string.h>

#include "outlook.h"
#include "plugin/command.h"
#include "plugin/prepare.h"
#include "readout.h"
#include "rows.h"

gboolean
dialog_possible (void)
{
  return gtk_init_check (NULL, NULL);
}

void
dialog_prepare (void)
{
  gimp_ui_init ("gimp-diffusion");
}

/* ------------------------------------------------------------------ rows */

/* The label's mnemonic goes to `target`: the control, or the part of it that takes keys. */
static void
add_row_for (dialog *d, const char *label, GtkWidget *control, GtkWidget *target)
{
  GtkWidget *text = gtk_label_new_with_mnemonic (label);

  gtk_label_set_xalign (GTK_LABEL (text), 0.0);
  gtk_label_set_mnemonic_widget (GTK_LABEL (text), target);
  gtk_widget_set_hexpand (control, TRUE);
  gtk_grid_attach (GTK_GRID (d->grid), text, 0, d->row, 1, 1);
  gtk_grid_attach (GTK_GRID (d->grid), control, 1, d->row++, 1, 1);
}

void
add_row (dialog *d, const char *label, GtkWidget *control)
{
  add_row_for (d, label, control, control);
}

/* The lowest value of a spin button may have a name instead of a number. */
static gboolean
write_name (GtkSpinButton *button, const char *name)
{
  double low;

  gtk_spin_button_get_range (button, &low, NULL);
  if (gtk_spin_button_get_value (button) != low)
    return FALSE;
  gtk_entry_set_text (GTK_ENTRY (button), name);
  return TRUE;
}

static int
read_name (GtkSpinButton *button, double *value, const char *name)
{
  if (strcmp (gtk_entry_get_text (GTK_ENTRY (button)), name) != 0)
    return FALSE;
  gtk_spin_button_get_range (button, value, NULL);
  return TRUE;
}

GtkWidget *
spin (dialog *d, const char *property, double low, double high, double step, int digits, const char *lowest,
      const char *tip)
{
  GtkWidget *button = gtk_spin_button_new_with_range (low, high, step);

  if (lowest != NULL)
    {
      gtk_spin_button_set_numeric (GTK_SPIN_BUTTON (button), FALSE);
      g_signal_connect (button, "output", G_CALLBACK (write_name), (gpointer) lowest);
      g_signal_connect (button, "input", G_CALLBACK (read_name), (gpointer) lowest);
    }
  gtk_spin_button_set_digits (GTK_SPIN_BUTTON (button), (guint) digits);
  gtk_widget_set_tooltip_text (button, tip);
  g_object_bind_property (d->config, property, button, "value", G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE);
  return button;
}

void
add_memory_cap (dialog *d)
{
  add_row (d, _("Memor_y cap (MB)"), spin (d, "memory-mb", 0, 1000000, 100, 0, _("automatic"), _("Automatic: half of the free "
                                        "memory. A run that needs more is refused before it starts")));
}

GtkWidget *
words (dialog *d, const char *property, const char *const *ids, const char *const *labels)
{
  GtkWidget *combo = gtk_combo_box_text_new ();
  char      *now;

  for (int i = 0; ids[i] != NULL; i++)
    gtk_combo_box_text_append (GTK_COMBO_BOX_TEXT (combo), ids[i], labels[i]);
  g_object_get (d->config, property, &now, NULL);
  if (now == NULL || now[0] == '\0' || !gtk_combo_box_set_active_id (GTK_COMBO_BOX (combo), now))
    gtk_combo_box_set_active (GTK_COMBO_BOX (combo), 0);
  g_object_bind_property (combo, "active-id", d->config, property, G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE);
  g_free (now);
  return combo;
}

void
add_check (dialog *d, const char *property, const char *label)
{
  GtkWidget *check = gtk_check_button_new_with_mnemonic (label);

  g_object_bind_property (d->config, property, check, "active", G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE);
  gtk_grid_attach (GTK_GRID (d->grid), check, 1, d->row++, 1, 1);
}

/* A rolled seed stays until the next roll. */
static void
roll (GtkButton *button, dialog *d)
{
  g_object_set (d->config, "random-seed", FALSE, NULL);
  args_roll_seed (GIMP_PROCEDURE_CONFIG (d->config));
}

/* "New each time" is a seed now, so that what the dialog shows is what OK makes. */
static void
roll_for_this_time (dialog *d)
{
  gboolean each_time;

  g_object_get (d->config, "random-seed", &each_time, NULL);
  if (each_time)
    args_roll_seed (GIMP_PROCEDURE_CONFIG (d->config));
}

static void
add_seed (dialog *d)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6), *number, *dice, *check;

  number = spin (d, "seed", 0, G_MAXINT32, 1, 0, NULL, _("The same seed gives the same picture"));
  dice   = gtk_button_new_with_mnemonic ("⚄ _5");
  atk_object_set_name (gtk_widget_get_accessible (dice), _("Roll a seed"));
  check  = gtk_check_button_new_with_mnemonic (_("new each _time"));
  gtk_widget_set_tooltip_text (dice, _("Roll a seed"));
  g_signal_connect (dice, "clicked", G_CALLBACK (roll), d);
  g_object_bind_property (d->config, "random-seed", check, "active", G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE);
  g_object_bind_property (check, "active", number, "sensitive", G_BINDING_INVERT_BOOLEAN | G_BINDING_SYNC_CREATE);
  gtk_box_pack_start (GTK_BOX (box), number, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), dice, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), check, FALSE, FALSE, 0);
  add_row_for (d, _("See_d"), box, number);
  g_signal_connect_swapped (d->config, "notify::random-seed", G_CALLBACK (roll_for_this_time), d);
  roll_for_this_time (d);
}

/* ------------------------------------------------------------------ noise level */

static int
start_of (const dialog *d)
{
  return outlook_start (d->config, d->chooser->model);
}

static void
show_level (dialog *d)
{
  df_level    level;
  const char *word;
  char       *numbers, *text;

  if (d->chooser->model == NULL)
    return;
  level = df_level_at (d->chooser->model, start_of (d));
  word  = level.sqrt_alpha > .9    ? _("subtle")
          : level.sqrt_alpha > .7  ? _("light")
          : level.sqrt_alpha > .45 ? _("half new")
          : level.sqrt_alpha > .2  ? _("mostly new")
                                   : _("reinvent");
  numbers = readout_level (start_of (d), &level);
  text    = g_strdup_printf ("%s   (%s)", word, numbers);
  gtk_label_set_text (GTK_LABEL (d->level_text), text);
  g_free (text);
  g_free (numbers);
}

/* Config → slider: another model, reset, or saved settings. */
static void
follow_config (dialog *d)
{
  if (d->level == NULL || d->chooser->model == NULL || d->setting)
    return;
  d->setting = TRUE;
  gtk_adjustment_set_value (d->level, 1.0 - df_level_at (d->chooser->model, start_of (d)).sqrt_alpha);
  d->setting = FALSE;
  show_level (d);
}

static void
slid (GtkAdjustment *level, dialog *d)
{
  if (d->setting || d->chooser->model == NULL)
    return;
  d->setting = TRUE;
  g_object_set (d->config, "start-t", MAX (df_level_find (d->chooser->model, 1.0 - gtk_adjustment_get_value (level)), 1),
                NULL);
  d->setting = FALSE;
  show_level (d);
}

static void
add_level (dialog *d)
{
  d->level      = gtk_adjustment_new (0.4, 0.0, 1.0, 0.01, 0.1, 0.0);
  d->level_text = gtk_label_new (NULL);
  d->scale      = gtk_scale_new (GTK_ORIENTATION_HORIZONTAL, d->level);
  gtk_scale_set_draw_value (GTK_SCALE (d->scale), FALSE);
  gtk_widget_set_size_request (d->scale, 260, -1);
  gtk_widget_set_tooltip_text (d->scale, _("How much of the selection gives way to noise: left keeps it, right invents anew"));
  gtk_label_set_xalign (GTK_LABEL (d->level_text), 0.0);
  add_row (d, _("_Noise level"), d->scale);
  gtk_grid_attach (GTK_GRID (d->grid), d->level_text, 1, d->row++, 1, 1);
  g_signal_connect (d->level, "value-changed", G_CALLBACK (slid), d);
  g_signal_connect_swapped (d->config, "notify::start-t", G_CALLBACK (follow_config), d);
}

/* ------------------------------------------------------------------ a window no higher than the screen */

#define TITLE 40     /* pixels for the bar on top, which is the window manager's */
#define LEAST 120    /* of the rows always stay in sight */

/* The rows get what they want, or what the screen has left for them: then they scroll. */
static void
fit_height (dialog *d)
{
  GtkWindow         *window  = GTK_WINDOW (gtk_widget_get_toplevel (d->scroll));
  GdkDisplay        *display = gtk_widget_get_display (d->scroll);
  GdkWindow         *shown   = gtk_widget_get_window (GTK_WIDGET (window));
  GtkScrolledWindow *scroll  = GTK_SCROLLED_WINDOW (d->scroll);
  GdkRectangle       screen;
  int                wanted, width, height;

  gdk_monitor_get_workarea (shown != NULL ? gdk_display_get_monitor_at_window (display, shown)
                                          : gdk_display_get_monitor (display, 0), &screen);
  gtk_widget_get_preferred_height (gtk_bin_get_child (GTK_BIN (scroll)), NULL, &wanted);
  gtk_scrolled_window_set_min_content_height (scroll, wanted);
  gtk_widget_get_preferred_height (GTK_WIDGET (window), &height, NULL);
  if (height > screen.height - TITLE)
    gtk_scrolled_window_set_min_content_height (scroll, MAX (wanted - (height - screen.height + TITLE), LEAST));
  gtk_window_get_size (window, &width, NULL);
  gtk_window_resize (window, width, 1);
}

static GtkWidget *
scrolled (dialog *d, GtkWidget *grid)
{
  d->scroll = gtk_scrolled_window_new (NULL, NULL);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (d->scroll), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_overlay_scrolling (GTK_SCROLLED_WINDOW (d->scroll), FALSE);     /* seen without a mouse over it */
  gtk_container_add (GTK_CONTAINER (d->scroll), grid);
  return d->scroll;
}

/* The config begins with 1, whatever the model: half of the time. What its card says stands below. */
static void
show_advice (dialog *d)
{
  double guidance = d->chooser->model != NULL ? df_model_describe (d->chooser->model)->guidance : 1.0;
  char  *text     = g_strdup_printf (_("The model recommends %.1f; it takes twice as long."), guidance);

  gtk_label_set_text (GTK_LABEL (d->advice), text);
  gtk_widget_set_visible (d->advice, guidance != 1.0);
  g_free (text);
}

static void
model_changed (gpointer user)
{
  follow_config (user);
  show_advice (user);
  fit_height (user);
}

/* ------------------------------------------------------------------ the two dialogs */

/* Rows that follow go into a closed expander. */
static void
begin_details (dialog *d)
{
  GtkWidget *expander = gtk_expander_new_with_mnemonic (_("Deta_ils")), *grid = gtk_grid_new ();

  gtk_grid_set_row_spacing (GTK_GRID (grid), 6);
  gtk_grid_set_column_spacing (GTK_GRID (grid), 12);
  gtk_container_set_border_width (GTK_CONTAINER (grid), 6);
  gtk_container_add (GTK_CONTAINER (expander), grid);
  gtk_grid_attach (GTK_GRID (d->grid), expander, 0, d->row++, 2, 1);
  g_signal_connect_swapped (expander, "notify::expanded", G_CALLBACK (fit_height), d);
  d->grid = grid;
  d->row  = 0;
}

static void
copy_command (GtkButton *button, dialog *d)
{
  settings s    = args_read (GIMP_PROCEDURE_CONFIG (d->config), d->kind);
  char    *text = command_text (d->image, d->drawables, gimp_procedure_get_name (d->procedure), &s);

  gtk_clipboard_set_text (gtk_clipboard_get (GDK_SELECTION_CLIPBOARD), text, -1);
  gtk_clipboard_store (gtk_clipboard_get (GDK_SELECTION_CLIPBOARD));
  g_free (text);
  settings_clear (&s);
}

static void
add_copy (dialog *d)
{
  GtkWidget *button = gtk_button_new_with_mnemonic (_("Copy as e_quivalent gimp-console command"));

  gtk_widget_set_tooltip_text (button, _("For scripts: does the same without a window. Save the image as XCF first: the "
                                         "command reads that file, with its layers and its selection"));
  g_signal_connect (button, "clicked", G_CALLBACK (copy_command), d);
  gtk_grid_attach (GTK_GRID (d->grid), button, 0, d->row++, 2, 1);
}

static void
add_seamless (dialog *d)
{
  add_check (d, "tile-horizontal", _("Seamless hori_zontally"));
  add_check (d, "tile-vertical", _("Seamless _vertically"));
}

static void
add_details (dialog *d, procedure_kind kind)
{
  static const char *const ids[] = { "auto", "ddim", "ddpm", NULL };
  const char *const        labels[] = { _("automatic"), "DDIM", "DDPM" };
  static const char *const spacings[] = { "", "linear", "quad", NULL };
  const char *const        spacing_labels[] = { _("automatic"), _("even steps"), _("more steps near the end") };

  begin_details (d);
  add_row (d, _("Sampl_er"), words (d, "sampler", ids, labels));
  if (kind != PROCEDURE_GENERATE)
    add_row (d, _("Distri_bution of steps"), words (d, "spacing", spacings, spacing_labels));
  add_row (d, _("Noise put bac_k (eta)"), spin (d, "eta", 0, 1, 0.1, 2, NULL, _("0: deterministic; 1: as much new noise as DDPM")));
  add_row (d, _("Guidance (ad_justs to the class)"),
           spin (d, "guidance", 0, 20, 0.5, 2, NULL, _("1: off; more: closer to the class")));
  d->advice = gtk_label_new (NULL);
  gtk_label_set_xalign (GTK_LABEL (d->advice), 0.0);
  gtk_widget_set_no_show_all (d->advice, TRUE);
  gtk_grid_attach (GTK_GRID (d->grid), d->advice, 1, d->row++, 1, 1);
  show_advice (d);
  if (kind != PROCEDURE_GENERATE)     /* a whole layer that is a tile is rare */
    add_seamless (d);
  add_memory_cap (d);
  add_copy (d);
}

static void
fill_generate (dialog *d)
{
  static const char *const outputs[] = { "layer", "pattern", NULL };
  const char *const        output_labels[] = { _("new layers"), _("GIMP patterns (seamless both ways)") };
  const char *tip = _("Automatic: as the selection, else what suits model and image");

  add_row (d, _("Width (p_x)"), spin (d, "width", 0, 65536, 8, 0, _("automatic"), tip));
  add_row (d, _("Hei_ght (px)"), spin (d, "height", 0, 65536, 8, 0, _("automatic"), tip));
  add_row (d, _("Num_ber of layers"), spin (d, "count", 1, COUNT_MAX, 1, 0, NULL, _("With seeds seed, seed + 1, …")));
  add_row (d, _("O_utput"), words (d, "output", outputs, output_labels));
}

static gboolean
is_empty (GBinding *binding, const GValue *text, GValue *empty, gpointer user)
{
  g_value_set_boolean (empty, prepare_first_level (g_value_get_string (text)) == 0);
  return TRUE;
}

/* Several levels take the slider's place, which then shows the first of them. */
static void
fill_variations (dialog *d)
{
  GtkWidget *levels = gtk_entry_new ();

  gtk_entry_set_placeholder_text (GTK_ENTRY (levels), _("t = 300, 500, 700 instead of the one above"));
  g_object_bind_property (d->config, "levels", levels, "text", G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE);
  g_object_bind_property_full (levels, "text", d->scale, "sensitive", G_BINDING_SYNC_CREATE, is_empty, NULL, NULL, NULL);
  g_signal_connect_swapped (d->config, "notify::levels", G_CALLBACK (follow_config), d);
  add_row (d, _("_Use several levels"), levels);
  add_row (d, _("Ho_w many variations"), spin (d, "count", 1, COUNT_MAX, 1, 0, NULL, _("Of each noise level, with seeds seed, "
                                     "seed + 1, …: the layers of a new group, the first of them visible")));
}

static void
fill_denoise (dialog *d, procedure_kind kind)
{
  static const char *const edges[] = { "noise-level", "blend", NULL };
  const char *const        edge_labels[] = { _("half selected = half denoised"), _("blend through the selection") };
  static const char *const outputs[] = { "replace", "new-layer", NULL };
  const char *const        output_labels[] = { _("replace the layer's pixels"), _("new layer") };
  GtkWidget               *edge;

  add_level (d);
  if (kind == PROCEDURE_VARIATIONS)
    fill_variations (d);
  edge = words (d, "edge", edges, edge_labels);
  gtk_widget_set_tooltip_text (edge, _("Where the selection is soft: the picture changes by as much, or the result is laid over "
                                       "it by as much"));
  add_row (d, _("Ed_ge"), edge);
  add_row (d, _("_Feather (px)"), spin (d, "feather", -1, 1000, 1, 1, _("automatic"), _("Softens the edge inwards; automatic: 3 "
                                     "where the selection is hard, else none")));
  if (kind == PROCEDURE_DENOISE)
    add_row (d, _("O_utput"), words (d, "output", outputs, output_labels));
}

static void
fill (dialog *d, procedure_kind kind)
{
  GtkWidget *first = gtk_label_new (_("There is no text prompt: a model knows what it was trained on."));

  gtk_label_set_xalign (GTK_LABEL (first), 0.0);
  gtk_grid_attach (GTK_GRID (d->grid), first, 0, d->row++, 2, 1);
  add_row (d, _("_Model"), d->chooser->models);
  gtk_grid_attach (GTK_GRID (d->grid), d->chooser->about, 1, d->row++, 1, 1);
  add_row (d, _("Cl_ass"), d->chooser->classes);
  if (kind == PROCEDURE_GENERATE)
    fill_generate (d);
  else
    fill_denoise (d, kind);
  add_row (d, _("Ste_ps"), spin (d, "steps", 0, 1000, 1, 0, _("automatic"), _("Automatic: what the model recommends. More steps "
                              "take longer and are finer")));
  add_seed (d);
  if (kind == PROCEDURE_GENERATE)
    add_seamless (d);
  add_details (d, kind);
}

/* Banner on top, the picture at the left of the controls, the cost below. */
static void
lay_out (GtkDialog *window, GtkWidget *rows, const outlook *o)
{
  GtkBox    *area = GTK_BOX (gtk_dialog_get_content_area (window));
  GtkWidget *middle = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 18);

  gtk_container_set_border_width (GTK_CONTAINER (middle), 12);
  gtk_box_pack_start (GTK_BOX (middle), o->side, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (middle), rows, TRUE, TRUE, 0);
  gtk_widget_set_margin_start (o->cost, 12);
  gtk_box_pack_start (area, o->banner.bar, FALSE, FALSE, 0);
  gtk_box_pack_start (area, middle, TRUE, TRUE, 0);
  gtk_box_pack_start (area, o->cost, FALSE, FALSE, 0);
  gtk_widget_show_all (middle);
  gtk_widget_show (o->cost);
}

GtkWidget *
dialog_open (dialog *d, GimpProcedure *procedure, const char *title)
{
  dialog_prepare ();
  d->grid = gtk_grid_new ();
  gtk_grid_set_row_spacing (GTK_GRID (d->grid), 6);
  gtk_grid_set_column_spacing (GTK_GRID (d->grid), 12);
  return gimp_procedure_dialog_new (procedure, GIMP_PROCEDURE_CONFIG (d->config), title);
}

gboolean
dialog_answer (dialog *d, GtkWidget *window)
{
  gboolean   go    = gimp_procedure_dialog_run (GIMP_PROCEDURE_DIALOG (window));
  GtkWidget *focus = gtk_window_get_focus (GTK_WINDOW (window));

  if (GTK_IS_SPIN_BUTTON (focus))     /* a number just typed, then Alt+O: the button took no focus */
    gtk_spin_button_update (GTK_SPIN_BUTTON (focus));
  g_signal_handlers_disconnect_by_data (d->config, d);
  gtk_widget_destroy (window);
  return go;
}

gboolean
dialog_run (GimpProcedure *procedure, GimpProcedureConfig *config, procedure_kind kind, GimpImage *image,
            GimpDrawable **drawables)
{
  dialog     d = { .config = G_OBJECT (config), .procedure = procedure, .image = image, .drawables = drawables,
                   .kind = kind };
  GtkWidget *window, *grid;
  outlook   *o;
  gboolean   go;

  window    = dialog_open (&d, procedure, kind == PROCEDURE_GENERATE  ? _("Generate Image")
                                          : kind == PROCEDURE_DENOISE ? _("Partially Denoise Selection")
                                                                      : _("Variations"));
  grid      = d.grid;
  d.chooser = model_chooser_new (d.config, model_changed, &d);
  fill (&d, kind);
  follow_config (&d);
  o = outlook_new (window, image, drawables, config, kind, d.chooser);
  lay_out (GTK_DIALOG (window), scrolled (&d, grid), o);
  outlook_look (o);
  fit_height (&d);
  go = dialog_answer (&d, window);
  outlook_free (o);
  model_chooser_free (d.chooser);
  return go;
}
