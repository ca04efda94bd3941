/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recipe: see recipe.h. */
#include "recipe.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

static char *
sha256_of (const char *path)
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
  char           *sum  = sha256_of (r->model->weights_path), *text, *copy;

  yyjson_mut_doc_set_root (doc, root);
  yyjson_mut_obj_add_str (doc, root, "version", DF_VERSION);
  yyjson_mut_obj_add_str (doc, root, "procedure", r->procedure);
  arguments = yyjson_mut_obj_add_obj (doc, root, "arguments");
  for (gsize i = 0; i < args_count; i++)
    if (args_table[i].kinds & r->s->kind)
      add_argument (doc, arguments, &args_table[i], r->s);
  yyjson_mut_obj_add_str (doc, root, "model-title", r->model->title);
  yyjson_mut_obj_add_str (doc, root, "model-sha256", sum);
  place = yyjson_mut_obj_add_obj (doc, root, "region");
  yyjson_mut_obj_add_int (doc, place, "x", r->region.x);
  yyjson_mut_obj_add_int (doc, place, "y", r->region.y);
  yyjson_mut_obj_add_int (doc, place, "width", r->region.width);
  yyjson_mut_obj_add_int (doc, place, "height", r->region.height);
  add_pair (doc, root, "origin", r->origin_x, r->origin_y);
  if (r->stopped_after > 0)
    yyjson_mut_obj_add_int (doc, root, "stopped-after", r->stopped_after);
  yyjson_mut_obj_add_str (doc, root, "kernels", df_kernels_name ());
  text = yyjson_mut_write (doc, YYJSON_WRITE_PRETTY, NULL);
  copy = g_strdup (text);
  free (text);
  yyjson_mut_doc_free (doc);
  g_free (sum);
  return copy;
}

void
recipe_attach (GimpItem *item, const char *text)
{
  GimpParasite *parasite = gimp_parasite_new (RECIPE_PARASITE, GIMP_PARASITE_PERSISTENT | GIMP_PARASITE_UNDOABLE,
                                              (guint32) strlen (text), text);

  gimp_item_attach_parasite (item, parasite);
  gimp_parasite_free (parasite);
}
