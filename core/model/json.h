/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json: reading keys of a configuration with defaults and with errors that name file, key and value. After the
 * first problem the reader stays failed and every further call returns its default. */
#ifndef DF_MODEL_JSON_H
#define DF_MODEL_JSON_H

#include "base/status.h"

#include <yyjson.h>

typedef struct df_json
{
  yyjson_doc *doc;
  yyjson_val *root;
  const char *where;      /* file name for messages */
  df_status   status;
  df_error   *err;
} df_json;

/* Errors: FORMAT. Close also after a failure. */
DF_CHECKED df_status df_json_open  (df_json *out, const char *text, size_t size, const char *where, df_error *err);
void                 df_json_close (df_json *json);

/* Absent keys, and null where nothing else is said, give the default. */
bool        df_json_bool   (df_json *json, const char *key, bool standard);
int         df_json_int    (df_json *json, const char *key, int standard, int low, int high);
double      df_json_number (df_json *json, const char *key, double standard);
const char *df_json_string (df_json *json, const char *key, const char *standard);   /* until close */
yyjson_val *df_json_array  (df_json *json, const char *key);                         /* NULL if absent */
/* Index in the NULL-ended list of words; UNSUPPORTED with the list otherwise. Absent: standard. */
int         df_json_word   (df_json *json, const char *key, const char *const *words, int standard);

/* Records the first problem. */
void        df_json_refuse (df_json *json, df_status status, const char *format, ...)
  __attribute__ ((format (printf, 3, 4)));

#endif
