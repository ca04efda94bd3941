/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json: see json.h. */
#include "model/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
df_json_refuse (df_json *json, df_status status, const char *format, ...)
{
  char    text[400];
  va_list args;

  if (json->status != DF_OK)
    return;
  va_start (args, format);
  vsnprintf (text, sizeof text, df_translated (format), args);
  va_end (args);
  json->status = df_fail (json->err, status, "%s: %s", json->where, text);
}

df_status
df_json_open (df_json *out, const char *text, size_t size, const char *where, df_error *err)
{
  yyjson_read_err problem = { 0 };

  *out      = (df_json) { .where = where, .err = err };
  out->doc  = yyjson_read_opts ((char *) text, size, 0, NULL, &problem);
  out->root = yyjson_doc_get_root (out->doc);
  if (out->doc == NULL)
    df_json_refuse (out, DF_ERROR_FORMAT, "not JSON (%s at byte %zu).",
                    problem.msg != NULL ? problem.msg : "empty", problem.pos);
  else if (!yyjson_is_obj (out->root))
    df_json_refuse (out, DF_ERROR_FORMAT, "not a JSON object.");
  return out->status;
}

void
df_json_close (df_json *json)
{
  yyjson_doc_free (json->doc);
  json->doc = NULL;
}

/* The value of a key, NULL when it is absent, null or something failed before. */
static yyjson_val *
value_of (df_json *json, const char *key)
{
  yyjson_val *value = json->status == DF_OK ? yyjson_obj_get (json->root, key) : NULL;

  return yyjson_is_null (value) ? NULL : value;
}

bool
df_json_bool (df_json *json, const char *key, bool standard)
{
  yyjson_val *value = value_of (json, key);

  if (value == NULL)
    return standard;
  if (!yyjson_is_bool (value))
    df_json_refuse (json, DF_ERROR_FORMAT, "\"%s\" must be true or false.", key);
  return yyjson_get_bool (value);
}

int
df_json_int (df_json *json, const char *key, int standard, int low, int high)
{
  yyjson_val *value = value_of (json, key);
  double      x     = yyjson_get_num (value);

  if (value == NULL)
    return standard;
  if (!yyjson_is_num (value) || x < low || x > high || x != (double) (int) x)
    {
      df_json_refuse (json, yyjson_is_num (value) ? DF_ERROR_UNSUPPORTED : DF_ERROR_FORMAT,
                      "\"%s\" must be a whole number from %d to %d.", key, low, high);
      return standard;
    }
  return (int) x;
}

double
df_json_number (df_json *json, const char *key, double standard)
{
  yyjson_val *value = value_of (json, key);

  if (value == NULL)
    return standard;
  if (!yyjson_is_num (value))
    df_json_refuse (json, DF_ERROR_FORMAT, "\"%s\" must be a number.", key);
  return yyjson_get_num (value);
}

const char *
df_json_string (df_json *json, const char *key, const char *standard)
{
  yyjson_val *value = value_of (json, key);

  if (value == NULL)
    return standard;
  if (!yyjson_is_str (value))
    {
      df_json_refuse (json, DF_ERROR_FORMAT, "\"%s\" must be a string.", key);
      return standard;
    }
  return yyjson_get_str (value);
}

yyjson_val *
df_json_array (df_json *json, const char *key)
{
  yyjson_val *value = value_of (json, key);

  if (value != NULL && !yyjson_is_arr (value))
    {
      df_json_refuse (json, DF_ERROR_FORMAT, "\"%s\" must be a list.", key);
      return NULL;
    }
  return value;
}

int
df_json_word (df_json *json, const char *key, const char *const *words, int standard)
{
  const char *word = df_json_string (json, key, NULL);
  char        all[200] = "";

  if (word == NULL)
    return standard;
  for (int i = 0; words[i] != NULL; i++)
    {
      if (strcmp (word, words[i]) == 0)
        return i;
      snprintf (all + strlen (all), sizeof all - strlen (all), "%s%s", i > 0 ? ", " : "", words[i]);
    }
  df_json_refuse (json, DF_ERROR_UNSUPPORTED, "\"%s\" is \"%.60s\"; supported are %s.", key, word, all);
  return standard;
}
