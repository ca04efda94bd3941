/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recipe: see recipe.h. */
#include "recipe.h"

#include <glib/gi18n-lib.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "check.h"

char *
recipe_sha256 (const char *path)
{
  GMappedFile *file = g_mapped_file_new (path, FALSE, NULL);
  char        *sum;

  if (file == NULL)
    return g_strdup ("");
  sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) g_mapped_file_get_contents (file),
                                     g_mapped_file_get_length (file));
  g_mapped_file_unref (file);
  return sum;
}

static void
add_argument (yyjson_mut_doc *doc, yyjson_mut_val *object, const arg_spec *a, const settings *s)
{
  const void *field = G_STRUCT_MEMBER_P (s, a->offset);

  switch (a->type)
    {
    case ARG_STRING:
      yyjson_mut_obj_add_strcpy (doc, object, a->name, *(char *const *) field);
      break;
    case ARG_INT:
      yyjson_mut_obj_add_int (doc, object, a->name, *(const int *) field);
      break;
    case ARG_DOUBLE:
      yyjson_mut_obj_add_real (doc, object, a->name, *(const double *) field);
      break;
    default:
      yyjson_mut_obj_add_bool (doc, object, a->name, *(const gboolean *) field);
      break;
    }
}

static void
add_pair (yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int x, int y)
{
  yyjson_mut_val *list = yyjson_mut_obj_add_arr (doc, object, key);

  yyjson_mut_arr_add_int (doc, list, x);
  yyjson_mut_arr_add_int (doc, list, y);
}

char *
recipe_text (const recipe *r)
{
  yyjson_mut_doc *doc  = yyjson_mut_doc_new (NULL);
  yyjson_mut_val *root = yyjson_mut_obj (doc), *arguments, *place;
  char           *text, *copy;

  yyjson_mut_doc_set_root (doc, root);
  yyjson_mut_obj_add_str (doc, root, "version", DF_VERSION);
  yyjson_mut_obj_add_str (doc, root, "procedure", r->procedure);
  arguments = yyjson_mut_obj_add_obj (doc, root, "arguments");
  for (gsize i = 0; i < args_count; i++)
    if (args_table[i].kinds & r->s->kind)
      add_argument (doc, arguments, &args_table[i], r->s);
  yyjson_mut_obj_add_str (doc, root, "model-title", r->model->title);
  yyjson_mut_obj_add_str (doc, root, "model-sha256", r->sha256);
  place = yyjson_mut_obj_add_obj (doc, root, "region");
  yyjson_mut_obj_add_int (doc, place, "x", r->region.x);
  yyjson_mut_obj_add_int (doc, place, "y", r->region.y);
  yyjson_mut_obj_add_int (doc, place, "width", r->region.width);
  yyjson_mut_obj_add_int (doc, place, "height", r->region.height);
  add_pair (doc, root, "origin", r->origin_x, r->origin_y);
  if (r->selected != NULL)
    yyjson_mut_obj_add_str (doc, root, "selection-md5", r->selected);
  if (r->source > 0)
    yyjson_mut_obj_add_uint (doc, root, "source-tattoo", r->source);
  if (r->stopped_after > 0)
    yyjson_mut_obj_add_int (doc, root, "stopped-after", r->stopped_after);
  yyjson_mut_obj_add_str (doc, root, "kernels", df_kernels_name ());
  text = yyjson_mut_write (doc, YYJSON_WRITE_PRETTY, NULL);
  copy = g_strdup (text);
  free (text);
  yyjson_mut_doc_free (doc);
  return copy;
}

static void
read_argument (yyjson_val *object, const arg_spec *a, settings *s)
{
  yyjson_val *value = yyjson_obj_get (object, a->name);
  void       *field = G_STRUCT_MEMBER_P (s, a->offset);

  switch (a->type)
    {
    case ARG_STRING:
      g_free (*(char **) field);
      *(char **) field = g_strdup (yyjson_is_str (value) ? yyjson_get_str (value) : "");
      break;
    case ARG_INT:
      *(int *) field = yyjson_is_int (value) ? yyjson_get_int (value) : (int) a->standard;
      break;
    case ARG_DOUBLE:
      *(double *) field = yyjson_is_num (value) ? yyjson_get_num (value) : a->standard;
      break;
    default:
      *(gboolean *) field = yyjson_is_true (value);
      break;
    }
}

static void
read_region (yyjson_val *root, df_rect *out)
{
  yyjson_val *place = yyjson_obj_get (root, "region");

  *out = (df_rect) { yyjson_get_int (yyjson_obj_get (place, "x")), yyjson_get_int (yyjson_obj_get (place, "y")),
                     yyjson_get_int (yyjson_obj_get (place, "width")), yyjson_get_int (yyjson_obj_get (place, "height")) };
}

/* The recipe of an item, parsed; NULL where there is none. yyjson_doc_free. */
static yyjson_doc *
document_of (GimpItem *item)
{
  GimpParasite *parasite = gimp_item_get_parasite (item, RECIPE_PARASITE);
  yyjson_doc   *doc      = NULL;
  guint32       size;
  const char   *data;

  if (parasite == NULL)
    return NULL;
  data = gimp_parasite_get_data (parasite, &size);
  doc  = data != NULL ? yyjson_read (data, size, 0) : NULL;
  gimp_parasite_free (parasite);
  return doc;
}

gboolean
recipe_read (GimpItem *item, settings *s, char **sha256, guint *source, GError **error)
{
  yyjson_doc *doc       = document_of (item);
  yyjson_val *root      = yyjson_doc_get_root (doc), *arguments = yyjson_obj_get (root, "arguments");
  const char *procedure = yyjson_get_str (yyjson_obj_get (root, "procedure"));
  const char *sum       = yyjson_get_str (yyjson_obj_get (root, "model-sha256"));

  *s = (settings) { .kind = g_strcmp0 (procedure, "plug-in-diffusion-generate") == 0  ? PROCEDURE_GENERATE
                            : g_strcmp0 (procedure, "plug-in-diffusion-denoise") == 0 ? PROCEDURE_DENOISE
                                                                                      : 0 };
  if (s->kind == 0)
    {
      yyjson_doc_free (doc);
      return refuse (error, _("This layer has no recipe: it was not made by Generate Image or Partially Denoise."));
    }
  for (gsize i = 0; i < args_count; i++)
    if (args_table[i].type == ARG_STRING || (args_table[i].kinds & s->kind))
      read_argument (arguments, &args_table[i], s);
  s->random_seed = FALSE;
  s->stop_after  = yyjson_get_int (yyjson_obj_get (root, "stopped-after"));
  g_strlcpy (s->selected, yyjson_is_str (yyjson_obj_get (root, "selection-md5"))
                              ? yyjson_get_str (yyjson_obj_get (root, "selection-md5")) : "", sizeof s->selected);
  read_region (root, &s->within);
  *source = (guint) yyjson_get_uint (yyjson_obj_get (root, "source-tattoo"));
  *sha256 = g_strdup (sum != NULL ? sum : "");
  yyjson_doc_free (doc);
  return TRUE;
}

void
recipe_attach (GimpItem *item, const char *text)
{
  GimpParasite *parasite = gimp_parasite_new (RECIPE_PARASITE, GIMP_PARASITE_PERSISTENT | GIMP_PARASITE_UNDOABLE,
                                              (guint32) strlen (text), text);

  gimp_item_attach_parasite (item, parasite);
  gimp_parasite_free (parasite);
}
