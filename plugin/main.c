/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main: which procedures exist, and the three run modes; nothing else. */
#include <libgimp/gimp.h>
#include <signal.h>
#include <string.h>

#include "args.h"

#include <glib/gi18n-lib.h>
#include "check.h"
#include "find_model.h"
#include "job.h"
#include "library.h"
#include "rerun.h"
#include "run.h"
#include "train.h"
#include "ui/dialog.h"
#include "ui/library.h"
#include "ui/progress.h"
#include "ui/train.h"

typedef struct _Diffusion      { GimpPlugIn parent; } Diffusion;
typedef struct _DiffusionClass { GimpPlugInClass parent_class; } DiffusionClass;

static GType           diffusion_get_type (void);
static GList         * query_procedures   (GimpPlugIn *plug_in);
static GimpProcedure * create_procedure   (GimpPlugIn *plug_in, const char *name);

G_DEFINE_TYPE (Diffusion, diffusion, GIMP_TYPE_PLUG_IN)
GIMP_MAIN (diffusion_get_type ())

/* Catalogues lie in locale/ beside the program; a copy without them speaks English. */
static gboolean
set_i18n (GimpPlugIn *plug_in, const char *procedure_name, char **gettext_domain, char **catalog_dir)
{
  char    *folder = find_own_folder (), *locale = g_build_filename (folder, "locale", NULL);
  gboolean there  = g_file_test (locale, G_FILE_TEST_IS_DIR);

  *gettext_domain = g_strdup (GETTEXT_PACKAGE);
  *catalog_dir    = g_strdup ("locale");
  g_free (locale);
  g_free (folder);
  return there;
}

static void
diffusion_class_init (DiffusionClass *klass)
{
  GimpPlugInClass *plug_in = GIMP_PLUG_IN_CLASS (klass);

  plug_in->query_procedures = query_procedures;
  plug_in->create_procedure = create_procedure;
  plug_in->set_i18n         = set_i18n;
}

static const char *
translated (const char *text)
{
  return _(text);
}

/* The core's errors speak the user's language too. */
static void
diffusion_init (Diffusion *self)
{
  df_set_translator (translated);
}

/* ------------------------------------------------------------------ run modes */

/* The dialog where one is asked for. OK, CANCEL, or CALLING_ERROR with an error. */
static GimpPDBStatusType
ask (GimpProcedure *procedure, GimpProcedureConfig *config, GimpRunMode mode, GimpImage *image,
     GimpDrawable **drawables, procedure_kind kind, GError **error)
{
  if (mode != GIMP_RUN_INTERACTIVE)
    return GIMP_PDB_SUCCESS;
  if (!check_image (image, error) ||
      (kind == PROCEDURE_TRAIN && !check_sources (drawables, error)) ||
      (kind != PROCEDURE_TRAIN && kind != PROCEDURE_GENERATE && !check_drawable (drawables, FALSE, error)))
    return GIMP_PDB_CALLING_ERROR;
  if (!dialog_possible ())
    {
      refuse (error, _("There is no display for a dialog: use RUN-NONINTERACTIVE with named arguments."));
      return GIMP_PDB_CALLING_ERROR;
    }
  if (kind == PROCEDURE_RERUN)
    {
      dialog_prepare ();
      return GIMP_PDB_SUCCESS;
    }
  return (kind == PROCEDURE_TRAIN ? train_dialog_run (procedure, config, image, drawables)
                                  : dialog_run (procedure, config, kind, image, drawables)) ? GIMP_PDB_SUCCESS
                                                                                            : GIMP_PDB_CANCEL;
}

/* The layers made (g_free the array), NULL-terminated; NULL as in run.h. */
static GimpLayer **
run_kind (procedure_kind kind, GimpImage *image, GimpDrawable **drawables, settings *s, const job_watch *watch,
          GimpPDBStatusType *status, GError **error)
{
  GimpLayer  *layer;
  GimpLayer **layers;

  if (kind == PROCEDURE_GENERATE)
    return run_generate (image, s, watch, status, error);
  if (kind == PROCEDURE_RERUN)
    layer = rerun_layer (image, drawables, watch, status, error);
  else
    layer = (kind == PROCEDURE_DENOISE ? run_denoise : run_variations) (image, drawables, s, watch, status, error);
  if (layer == NULL)
    return NULL;
  layers    = g_new0 (GimpLayer *, 2);
  layers[0] = layer;
  return layers;
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
  GimpLayer       **layers = NULL;
  char             *name   = NULL;
  progress          window = { .caption = kind == PROCEDURE_TRAIN ? _("What the model draws by now") : NULL };
  job_watch         watch  = { 0 };

  job_die_with_parent ();
  signal (SIGXFSZ, SIG_IGN);     /* a file that may not grow is an error like a full disk */
  gegl_init (NULL, NULL);
  status = ask (procedure, config, mode, image, drawables, kind, &error);
  if (status != GIMP_PDB_SUCCESS)
    return gimp_procedure_new_return_values (procedure, status, error);
  s = args_read (config, kind);
  if (s.random_seed && mode != GIMP_RUN_INTERACTIVE)     /* a dialog has rolled it, and shown what comes of it */
    s.seed = args_roll_seed (config);
  if (mode == GIMP_RUN_INTERACTIVE)
    watch = progress_watch (&window);
  if (kind == PROCEDURE_TRAIN)
    name = run_train (image, drawables, &s, &watch, &status, &error);
  else
    layers = run_kind (kind, image, drawables, &s, &watch, &status, &error);
  progress_close (&window);
  settings_clear (&s);
  if (layers == NULL && name == NULL)
    return gimp_procedure_new_return_values (procedure, status, error);
  values = gimp_procedure_new_return_values (procedure, GIMP_PDB_SUCCESS, NULL);
  if (kind == PROCEDURE_TRAIN)
    GIMP_VALUES_TAKE_STRING (values, 1, name);
  else if (kind == PROCEDURE_GENERATE)
    GIMP_VALUES_SET_CORE_OBJECT_ARRAY (values, 1, (GObject **) layers);
  else
    GIMP_VALUES_SET_LAYER (values, 1, layers[0]);
  g_free (layers);
  return values;
}

/* The library asks nothing of an image. */
static GimpValueArray *
run_models (GimpProcedure *procedure, GimpRunMode mode, GimpImage *image, GimpDrawable **drawables,
            GimpProcedureConfig *config, gpointer data)
{
  GError         *error = NULL;
  GimpValueArray *values;

  if (mode == GIMP_RUN_INTERACTIVE)
    {
      if (!dialog_possible ())
        {
          refuse (&error, _("There is no display for a dialog: use RUN-NONINTERACTIVE for the names of the models."));
          return gimp_procedure_new_return_values (procedure, GIMP_PDB_CALLING_ERROR, error);
        }
      library_run ();
    }
  values = gimp_procedure_new_return_values (procedure, GIMP_PDB_SUCCESS, NULL);
  g_value_take_boxed (gimp_value_array_index (values, 1), library_names ());
  return values;
}

/* ------------------------------------------------------------------ procedures */

typedef struct procedure_spec
{
  const char    *name, *label, *blurb, *help;
  procedure_kind kind;
  int            sensitivity;
  const char    *result;        /* of a procedure that returns one layer */
} procedure_spec;

static const procedure_spec procedures[] = {
  { "plug-in-diffusion-generate", N_("_Generate Image…"), N_("Make textures and other pictures as new layers, seamless if you like"),
    N_("Draws noise and denoises it with DDIM or DDPM. There is no text prompt: models know what they were trained on, some by "
    "class."), PROCEDURE_GENERATE,
    GIMP_PROCEDURE_SENSITIVE_DRAWABLE | GIMP_PROCEDURE_SENSITIVE_DRAWABLES | GIMP_PROCEDURE_SENSITIVE_NO_DRAWABLES, NULL },
  { "plug-in-diffusion-denoise", N_("_Partially Denoise Selection…"), N_("Re-imagine the selection, a little or wholly"),
    N_("Noises the selection to timestep t and denoises it with DDIM or DDPM: a low t changes details, a high one invents anew. "
    "There is no text prompt."), PROCEDURE_DENOISE, GIMP_PROCEDURE_SENSITIVE_DRAWABLE, "The layer that holds the result" },
  { "plug-in-diffusion-variations", N_("_Variations…"), N_("Several re-imaginings of the selection to choose from"),
    N_("Partially denoises the selection with several seeds, and from several noise levels, into the layers of a new group. The "
    "first is visible."), PROCEDURE_VARIATIONS, GIMP_PROCEDURE_SENSITIVE_DRAWABLE, "The group of layers" },
  { "plug-in-diffusion-rerun", N_("_Run Again from Layer"), N_("Make a layer again from the recipe in it"),
    N_("Every layer that Generate Image or Partially Denoise made says how in a parasite; this runs that once more."),
    PROCEDURE_RERUN, GIMP_PROCEDURE_SENSITIVE_DRAWABLE, "The layer that holds the result" },
  { "plug-in-diffusion-train", N_("_Train Model on This Image…"), N_("Learn the texture of the selected layers"),
    N_("Trains a diffusion model on patches of the layers, offline, for some minutes. It is found by its name from then on, as "
    "every other model."), PROCEDURE_TRAIN, GIMP_PROCEDURE_SENSITIVE_DRAWABLE | GIMP_PROCEDURE_SENSITIVE_DRAWABLES, NULL },
  { "plug-in-diffusion-models", N_("_Model Library…"), N_("See, import and delete diffusion models"),
    N_("Without a dialog: the names of the installed models."), PROCEDURE_MODELS, GIMP_PROCEDURE_SENSITIVE_ALWAYS, NULL },
};

/* The manual lies in docs/guide/ beside the program; Help and F1 open the page of a procedure's name. */
static void
set_help (GimpPlugIn *plug_in)
{
  char  *folder = find_own_folder (), *path = g_build_filename (folder, "docs", "guide", NULL);
  GFile *guide  = g_file_new_for_path (path);

  if (g_file_query_exists (guide, NULL))
    gimp_plug_in_set_help_domain (plug_in, "gimp-diffusion", guide);
  g_object_unref (guide);
  g_free (path);
  g_free (folder);
}

static GList *
query_procedures (GimpPlugIn *plug_in)
{
  GList *names = NULL;

  set_help (plug_in);
  for (gsize i = 0; i < G_N_ELEMENTS (procedures); i++)
    names = g_list_append (names, g_strdup (procedures[i].name));
  return names;
}

static GimpProcedure *
create_procedure (GimpPlugIn *plug_in, const char *name)
{
  const procedure_spec *spec = procedures;
  GimpProcedure        *p;

  while (strcmp (spec->name, name) != 0)
    spec++;
  p = gimp_image_procedure_new (plug_in, name, GIMP_PDB_PROC_TYPE_PLUGIN, spec->kind == PROCEDURE_MODELS ? run_models : run,
                                GINT_TO_POINTER (spec->kind), NULL);
  gimp_procedure_set_image_types (p, spec->kind == PROCEDURE_MODELS ? "*" : "RGB*, GRAY*");
  gimp_procedure_set_sensitivity_mask (p, spec->sensitivity);
  gimp_procedure_set_menu_label (p, _(spec->label));
  gimp_procedure_add_menu_path (p, "<Image>/Filters/Diffusion");
  gimp_procedure_set_attribution (p, "The gimp-diffusion authors", "The gimp-diffusion authors, GPL-3.0-or-later", "2026");
  gimp_procedure_set_documentation (p, _(spec->blurb), _(spec->help), name);
  args_register (p, spec->kind);
  if (spec->kind == PROCEDURE_TRAIN)
    gimp_procedure_add_string_return_value (p, "model", "Model", "The model's name", "", G_PARAM_READWRITE);
  else if (spec->kind == PROCEDURE_MODELS)
    gimp_procedure_add_string_array_return_value (p, "names", "Names", "The installed models", G_PARAM_READWRITE);
  else if (spec->kind == PROCEDURE_GENERATE)
    gimp_procedure_add_core_object_array_return_value (p, "layers", "Layers", "The new layers", GIMP_TYPE_LAYER,
                                                       G_PARAM_READWRITE);
  else
    gimp_procedure_add_layer_return_value (p, "layer", "Layer", spec->result, FALSE, G_PARAM_READWRITE);
  return p;
}
