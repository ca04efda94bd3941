/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as each file of a model folder: no access out of bounds, an answer from the list, a message that can be
 * shown, and what was accepted is accepted again when we write it. For libFuzzer; run_seeds.c runs it without. */
#include "model/safetensors.h"
#include "net/graph.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size);

static void
expect (bool what, const char *why)
{
  if (what)
    return;
  fprintf (stderr, "fuzz_model: %s\n", why);
  abort ();
}

static void
check_error (df_status status, const df_error *err)
{
  const unsigned char *c = (const unsigned char *) err->text;

  if (status == DF_OK)
    return;
  expect (status == DF_ERROR_FORMAT || status == DF_ERROR_UNSUPPORTED || status == DF_ERROR_MEMORY, "odd status");
  expect (err->status == status && *c != '\0', "no message");
  for (; *c != '\0'; c++)
    expect (*c >= 0x20 && *c != 0x7f, "a message with a control character");
}

static bool
overlap (const df_tensor_entry *a, const df_tensor_entry *b)
{
  const char *x = a->data, *y = b->data;

  return a->bytes > 0 && b->bytes > 0 && x < y + b->bytes && y < x + a->bytes;
}

static void
try_safetensors (const uint8_t *bytes, size_t size)
{
  df_safetensors *file;
  df_error        err = { 0 };
  df_status       status = df_safetensors_parse (&file, bytes, size, "fuzz", &err);

  check_error (status, &err);
  for (size_t i = 0; status == DF_OK && i < df_safetensors_count (file); i++)
    {
      const df_tensor_entry *e  = df_safetensors_entry (file, i);
      const uint8_t         *at = e->data;
      float                 *values = malloc ((e->count + 1) * sizeof *values);

      expect (at >= bytes && e->bytes <= size && (size_t) (at - bytes) <= size - e->bytes, "data outside the file");
      expect (values != NULL && e->count <= size, "more values than bytes");
      expect (df_safetensors_find (file, e->name) == e, "a name that is not found");
      for (size_t j = 0; j < i; j++)
        expect (!overlap (e, df_safetensors_entry (file, j)), "tensors that overlap");
      df_tensor_to_float (e, values);
      free (values);
    }
  df_safetensors_close (file);
}

static void
try_unet (const char *text, size_t size)
{
  df_unet_config config, again;
  df_graph       graph;
  df_error       err = { 0 };
  df_status      status = df_unet_config_parse (&config, text, size, "fuzz", &err);
  char          *written;

  check_error (status, &err);
  if (status != DF_OK)
    return;
  status = df_graph_build (&graph, &config, &err);
  check_error (status, &err);
  if (status == DF_OK)
    df_graph_clear (&graph);
  written = df_unet_config_text (&config);
  expect (df_unet_config_parse (&again, written, strlen (written), "written", &err) == DF_OK, written);
  free (written);
}

static void
try_scheduler (const char *text, size_t size)
{
  df_scheduler_config config, again;
  df_error            err = { 0 };
  df_status           status = df_scheduler_config_parse (&config, text, size, "fuzz", &err);
  char               *written;

  check_error (status, &err);
  if (status != DF_OK)
    return;
  written = df_scheduler_config_text (&config);
  expect (df_scheduler_config_parse (&again, written, strlen (written), "written", &err) == DF_OK, written);
  free (written);
  df_scheduler_config_clear (&config);
  df_scheduler_config_clear (&again);
}

static void
try_card (const char *text, size_t size)
{
  df_card   card, again;
  df_error  err = { 0 };
  df_status status = df_card_parse (&card, text, size, "fuzz", &err);
  char     *written;

  check_error (status, &err);
  if (status != DF_OK)
    return;
  written = df_card_text (&card);
  expect (df_card_parse (&again, written, strlen (written), "written", &err) == DF_OK, written);
  free (written);
  df_card_clear (&card);
  df_card_clear (&again);
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size)
{
  try_safetensors (bytes, size);
  try_unet ((const char *) bytes, size);
  try_scheduler ((const char *) bytes, size);
  try_card ((const char *) bytes, size);
  return 0;
}
