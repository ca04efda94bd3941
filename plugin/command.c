/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command: see command.h. Scheme in a shell word: strings are quoted for Scheme first, then the whole for the shell. */
#include "command.h"

#include <string.h>

static void
append_string (GString *out, const char *text)
{
  g_string_append_c (out, '"');
  for (; *text != '\0'; text++)
    {
      if (*text == '"' || *text == '\\')
        g_string_append_c (out, '\\');
      g_string_append_c (out, *text);
    }
  g_string_append_c (out, '"');
}

static void
append_argument (GString *out, const arg_spec *a, const settings *s)
{
  const void *field = G_STRUCT_MEMBER_P (s, a->offset);
  char        number[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_printf (out, " #:%s ", a->name);
  switch (a->type)
    {
    case ARG_STRING:
      append_string (out, *(char *const *) field);
      break;
    case ARG_INT:
      g_string_append_printf (out, "%d", *(const int *) field);
      break;
    case ARG_DOUBLE:
      g_string_append (out, g_ascii_dtostr (number, sizeof number, *(const double *) field));
      break;
    default:
      g_string_append (out, *(const gboolean *) field ? "TRUE" : "FALSE");
      break;
    }
}

/* The image's file, and where the result goes; both g_free. */
static void
file_names (GimpImage *image, char **from, char **to)
{
  GFile *file = gimp_image_get_xcf_file (image);
  char  *stem;

  if (file == NULL)
    file = gimp_image_get_file (image);
  *from = file != NULL ? g_file_get_path (file) : NULL;
  if (*from == NULL)
    *from = g_strdup ("IMAGE.xcf");
  stem = g_strndup (*from, g_str_has_suffix (*from, ".xcf") ? strlen (*from) - 4 : strlen (*from));
  *to  = g_strconcat (stem, "-diffusion.xcf", NULL);
  g_free (stem);
  g_clear_object (&file);
}

char *
command_text (GimpImage *image, GimpDrawable **drawables, const char *procedure, const settings *s)
{
  GString *scheme = g_string_new ("(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "), *line;
  char    *from, *to, *name, *word;

  file_names (image, &from, &to);
  append_string (scheme, from);
  g_string_append (scheme, ")))");
  if (s->kind != PROCEDURE_GENERATE)
    {
      name = gimp_item_get_name (GIMP_ITEM (drawables[0]));
      g_string_append (scheme, " (layer (car (gimp-image-get-layer-by-name image ");
      append_string (scheme, name != NULL ? name : "LAYER");     /* NULL: it is gone */
      g_string_append (scheme, ")))");
      g_free (name);
    }
  g_string_append_printf (scheme, ") (%s #:run-mode RUN-NONINTERACTIVE #:image image #:drawables (vector%s)", procedure,
                          s->kind != PROCEDURE_GENERATE ? " layer" : "");
  for (gsize i = 0; i < args_count; i++)
    if (args_table[i].kinds & s->kind)
      append_argument (scheme, &args_table[i], s);
  g_string_append (scheme, ") (gimp-xcf-save 0 image ");
  append_string (scheme, to);
  g_string_append (scheme, "))");
  word = g_shell_quote (scheme->str);
  line = g_string_new (NULL);
  g_string_append_printf (line, "gimp-console -i --batch-interpreter plug-in-script-fu-eval -b %s --quit", word);
  g_free (word);
  g_free (from);
  g_free (to);
  g_string_free (scheme, TRUE);
  return g_string_free (line, FALSE);
}
