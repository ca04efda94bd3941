/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main: which procedures exist, and the three run modes; nothing else. */
#include <libgimp/gimp.h>

#include "args.h"
#include "check.h"
#include "job.h"
#include "run.h"
#include "ui/dialog.h"
#include "ui/progress.h"

#define GENERATE "plug-in-diffusion-generate"
#define DENOISE  "plug-in-diffusion-denoise"

typedef struct _Diffusion      { GimpPlugIn parent; } Diffusion;
typedef struct _DiffusionClass { GimpPlugInClass parent_class; } DiffusionClass;

static GType           diffusion_get_type (void);
static GList         * query_procedures   (GimpPlugIn *plug_in);
static GimpProcedure * create_procedure   (GimpPlugIn *plug_in, const char *name);

G_DEFINE_TYPE (Diffusion, diffusion, GIMP_TYPE_PLUG_IN)
GIMP_MAIN (diffusion_get_type ())

/* No catalogues yet. */
static gboolean
set_i18n (GimpPlugIn *plug_in, const char *procedure_name, char **gettext_domain, char **catalog_dir)
{
  return FALSE;
}

static void
diffusion_class_init (DiffusionClass *klass)
{
  GimpPlugInClass *plug_in = GIMP_PLUG_IN_CLASS (klass);

  plug_in->query_procedures = query_procedures;
  plug_in->create_procedure = create_procedure;
  plug_in->set_i18n         = set_i18n;
}

static void
diffusion_init (Diffusion *self)
{
}

static GList *
query_procedures (GimpPlugIn *plug_in)
{
  return g_list_append (g_list_append (NULL, g_strdup (GENERATE)), g_strdup (DENOISE));
}

/* ------------------------------------------------------------------ run modes */

/* A random seed becomes a number before the run, on the config too: Repeat and recipes name it. There is room for
 * `count` seeds after it. */
static void
settle_seed (settings *s, GimpProcedureConfig *config)
{
  if (!s->random_seed)
    return;
  s->seed = g_random_int_range (0, G_MAXINT32 - COUNT_MAX);
  g_object_set (config, "seed", s->seed, NULL);
}

/* The dialog where one is asked for. OK, CANCEL, or CALLING_ERROR with an error. */
static GimpPDBStatusType
ask (GimpProcedure *procedure, GimpProcedureConfig *config, GimpRunMode mode, GimpImage *image,
     GimpDrawable **drawables, procedure_kind kind, GError **error)
{
  if (mode != GIMP_RUN_INTERACTIVE)
    return GIMP_PDB_SUCCESS;
  if (!check_image (image, error) ||
      (kind == PROCEDURE_DENOISE && !check_drawable (drawables, FALSE, error)))
    return GIMP_PDB_CALLING_ERROR;
  if (!dialog_possible ())
    {
      refuse (error, "There is no display for a dialog: use RUN-NONINTERACTIVE with named arguments.");
      return GIMP_PDB_CALLING_ERROR;
    }
  return dialog_run (procedure, config, kind, image, drawables) ? GIMP_PDB_SUCCESS : GIMP_PDB_CANCEL;
}

static GimpValueArray *
run (GimpProcedure *procedure, GimpRunMode mode, GimpImage *image, GimpDrawable **drawables,
     GimpProcedureConfig *config, gpointer data)
{
  procedure_kind    kind  = GPOINTER_TO_INT (data);
  GError           *error = NULL;
  GimpValueArray   *values;
  GimpPDBStatusType status;
  settings          s;
  GimpLayer       **layers = NULL, *layer = NULL;
  progress          window = { 0 };
  job_watch         watch  = { 0 };

  job_die_with_parent ();
  gegl_init (NULL, NULL);
  status = ask (procedure, config, mode, image, drawables, kind, &error);
  if (status != GIMP_PDB_SUCCESS)
    return gimp_procedure_new_return_values (procedure, status, error);
  s = args_read (config, kind);
  settle_seed (&s, config);
  if (mode == GIMP_RUN_INTERACTIVE)
    watch = progress_watch (&window);
  if (kind == PROCEDURE_GENERATE)
    layers = run_generate (image, &s, &watch, &status, &error);
  else
    layer = run_denoise (image, drawables, &s, &watch, &status, &error);
  progress_close (&window);
  settings_clear (&s);
  if (layers == NULL && layer == NULL)
    return gimp_procedure_new_return_values (procedure, status, error);
  values = gimp_procedure_new_return_values (procedure, GIMP_PDB_SUCCESS, NULL);
  if (layers != NULL)
    GIMP_VALUES_SET_CORE_OBJECT_ARRAY (values, 1, (GObject **) layers);
  else
    GIMP_VALUES_SET_LAYER (values, 1, layer);
  g_free (layers);
  return values;
}

/* ------------------------------------------------------------------ procedures */

static GimpProcedure *
new_procedure (GimpPlugIn *plug_in, const char *name, procedure_kind kind, const char *label, int sensitivity)
{
  GimpProcedure *p = gimp_image_procedure_new (plug_in, name, GIMP_PDB_PROC_TYPE_PLUGIN, run, GINT_TO_POINTER (kind), NULL);

  gimp_procedure_set_image_types (p, "RGB*, GRAY*");
  gimp_procedure_set_sensitivity_mask (p, sensitivity);
  gimp_procedure_set_menu_label (p, label);
  gimp_procedure_add_menu_path (p, "<Image>/Filters/Diffusion");
  gimp_procedure_set_attribution (p, "The gimp-diffusion authors", "The gimp-diffusion authors, GPL-3.0-or-later", "2026");
  args_register (p, kind);
  return p;
}

static GimpProcedure *
create_procedure (GimpPlugIn *plug_in, const char *name)
{
  GimpProcedure *p;

  if (g_strcmp0 (name, GENERATE) == 0)
    {
      p = new_procedure (plug_in, name, PROCEDURE_GENERATE, "_Generate Image…",
                         GIMP_PROCEDURE_SENSITIVE_DRAWABLE | GIMP_PROCEDURE_SENSITIVE_DRAWABLES |
                         GIMP_PROCEDURE_SENSITIVE_NO_DRAWABLES);
      gimp_procedure_set_documentation (p, "Make new layers with a diffusion model",
                                        "Draws noise and denoises it with DDIM or DDPM. There is no text prompt: models "
                                        "know what they were trained on, some by class.", name);
      gimp_procedure_add_core_object_array_return_value (p, "layers", "Layers", "The new layers", GIMP_TYPE_LAYER,
                                                         G_PARAM_READWRITE);
      return p;
    }
  p = new_procedure (plug_in, name, PROCEDURE_DENOISE, "_Partially Denoise Selection…", GIMP_PROCEDURE_SENSITIVE_DRAWABLE);
  gimp_procedure_set_documentation (p, "Re-imagine the selection from a noise level",
                                    "Noises the selection to timestep t and denoises it with DDIM or DDPM: a low t changes "
                                    "details, a high one invents anew. There is no text prompt.", name);
  gimp_procedure_add_layer_return_value (p, "layer", "Layer", "The layer that holds the result", FALSE, G_PARAM_READWRITE);
  return p;
}
