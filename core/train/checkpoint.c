/* SPDX-License-Identifier: GPL-3.0-or-later */
/* checkpoint: a training run as one safetensors file (weights, moments, average; step numbers and the configuration
 * in the metadata), and its result as a model folder. */
#include "train/trainer.h"

#include "base/alloc.h"
#include "base/mapped.h"
#include "model/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

static const char *const array_names[] = { "weights", "first_moment", "second_moment", "average" };

static float *
array_of (const df_trainer *trainer, int i)
{
  float *const arrays[] = { trainer->w, trainer->m1, trainer->m2, trainer->ema };

  return arrays[i];
}

/* ------------------------------------------------------------------ writing */

static char *
metadata_text (const df_trainer *trainer)
{
  yyjson_mut_doc *doc  = yyjson_mut_doc_new (NULL);
  yyjson_mut_val *root = yyjson_mut_obj (doc);
  char            state[256], *text;

  snprintf (state, sizeof state, "%ld %ld %.17g %ld %ld %ld %ld", trainer->step, trainer->steps,
            trainer->loss_mean, trainer->phase_end[0], trainer->phase_end[1], trainer->phase_end[2],
            trainer->phase_end[3]);
  yyjson_mut_doc_set_root (doc, root);
  yyjson_mut_obj_add_str (doc, root, "format", "gimp-diffusion checkpoint 1");
  yyjson_mut_obj_add_str (doc, root, "config", trainer->config.text);
  yyjson_mut_obj_add_str (doc, root, "state", state);
  text = yyjson_mut_write (doc, 0, NULL);
  yyjson_mut_doc_free (doc);
  return text;
}

df_status
df_trainer_checkpoint (const df_trainer *trainer, const char *path, df_error *err)
{
  df_tensor_out tensors[4];
  char         *metadata = metadata_text (trainer);
  df_status     status;

  if (metadata == NULL)
    return df_fail (err, DF_ERROR_MEMORY, "Out of memory for the checkpoint.");
  for (int i = 0; i < 4; i++)
    tensors[i] = (df_tensor_out) { .name = array_names[i], .dtype = DF_F32, .dims = 1,
                                   .shape = { trainer->count }, .data = array_of (trainer, i) };
  status = df_safetensors_write (path, tensors, 4, metadata, err);
  free (metadata);
  return status;
}

/* ------------------------------------------------------------------ reading */

/* Two configurations describe the same run when all that its steps follow from agrees. */
static bool
same_run (const char *a, const char *b)
{
  static const char *const free_keys[] = { "minutes", "threads", "memory_mb", "card", "base" };
  yyjson_doc     *da = yyjson_read (a, strlen (a), 0), *db = yyjson_read (b, strlen (b), 0);
  yyjson_val     *ra = yyjson_doc_get_root (da), *rb = yyjson_doc_get_root (db), *key;
  yyjson_obj_iter iter = yyjson_obj_iter_with (ra);
  bool            same = ra != NULL && rb != NULL;

  while (same && (key = yyjson_obj_iter_next (&iter)) != NULL)
    {
      const char *name = yyjson_get_str (key);
      bool        free_key = false;

      for (size_t i = 0; i < sizeof free_keys / sizeof *free_keys; i++)
        free_key = free_key || strcmp (name, free_keys[i]) == 0;
      same = free_key || yyjson_equals (yyjson_obj_iter_get_val (key), yyjson_obj_get (rb, name));
    }
  yyjson_doc_free (da);
  yyjson_doc_free (db);
  return same;
}

static df_status
read_state (df_trainer *trainer, const char *metadata, const char *path, df_error *err)
{
  yyjson_doc *doc    = yyjson_read (metadata, strlen (metadata), 0);
  yyjson_val *root   = yyjson_doc_get_root (doc);
  const char *config = yyjson_get_str (yyjson_obj_get (root, "config"));
  const char *state  = yyjson_get_str (yyjson_obj_get (root, "state"));
  df_status   status = DF_OK;

  if (config == NULL || state == NULL ||
      sscanf (state, "%ld %ld %lf %ld %ld %ld %ld", &trainer->step, &trainer->steps, &trainer->loss_mean,
              &trainer->phase_end[0], &trainer->phase_end[1], &trainer->phase_end[2], &trainer->phase_end[3]) != 7)
    status = df_fail (err, DF_ERROR_FORMAT, "%s is not a checkpoint of this trainer.", path);
  else if (!same_run (trainer->config.text, config))
    status = df_fail (err, DF_ERROR_ARGUMENT,
                      "%s was made with another configuration: resume with the same one, or start anew.", path);
  yyjson_doc_free (doc);
  return status;
}

static df_status
read_arrays (df_trainer *trainer, const df_safetensors *file, const char *path, df_error *err)
{
  for (int i = 0; i < 4; i++)
    {
      const df_tensor_entry *entry = df_safetensors_find (file, array_names[i]);

      if (entry == NULL || entry->dtype != DF_F32 || entry->count != trainer->count)
        return df_fail (err, DF_ERROR_FORMAT, "%s does not fit this network (%s).", path, array_names[i]);
      df_tensor_to_float (entry, array_of (trainer, i));
    }
  return DF_OK;
}

df_status
df_trainer_load (df_trainer *trainer, const char *path, df_error *err)
{
  df_safetensors *file;
  df_status       status;

  DF_TRY (df_safetensors_open (&file, path, err));
  status = read_state (trainer, df_safetensors_metadata (file), path, err);
  if (status == DF_OK)
    status = read_arrays (trainer, file, path, err);
  df_safetensors_close (file);
  return status;
}

df_status
df_checkpoint_config (const char *path, char **out, df_error *err)
{
  df_safetensors *file;
  yyjson_doc     *doc;
  const char     *metadata, *text;
  df_status       status = DF_OK;

  *out = NULL;
  DF_TRY (df_safetensors_open (&file, path, err));
  metadata = df_safetensors_metadata (file);
  doc      = yyjson_read (metadata, strlen (metadata), 0);
  text     = yyjson_get_str (yyjson_obj_get (yyjson_doc_get_root (doc), "config"));
  if (text == NULL)
    status = df_fail (err, DF_ERROR_FORMAT, "%s is not a checkpoint of this trainer.", path);
  else if ((*out = malloc (strlen (text) + 1)) == NULL)
    status = df_fail (err, DF_ERROR_MEMORY, "Out of memory for the training configuration.");
  else
    strcpy (*out, text);
  yyjson_doc_free (doc);
  df_safetensors_close (file);
  return status;
}

/* ------------------------------------------------------------------ the model */

static df_status
export_texton (const df_trainer *trainer, const char *folder, df_error *err)
{
  char     *path   = df_path_join (folder, DF_TEXTON_FILE);
  df_texton texton = { 0 };
  df_status status = path != NULL ? df_texton_make (trainer->data.pictures, trainer->data.channels, &texton, err)
                                  : df_trainer_no_memory (err);

  if (status == DF_OK)
    status = df_texton_save (&texton, path, err);
  df_texton_clear (&texton);
  df_free (path);
  return status;
}

/* The list of authors that a card may refer to goes with the weights that are made from theirs. A resumed run finds its
 * own in the folder. */
static df_status
export_attribution (const df_model *base, const char *folder, df_error *err)
{
  char     *from = df_path_join (base->info.path, "ATTRIBUTION.txt"), *to = df_path_join (folder, "ATTRIBUTION.txt");
  df_mapped file;
  df_status status = from != NULL && to != NULL ? DF_OK : df_trainer_no_memory (err);

  if (status == DF_OK && df_file_exists (from) && (status = df_mapped_open (&file, from, err)) == DF_OK)
    {
      status = df_file_write (to, &(df_span) { file.bytes, file.size }, 1, err);
      df_mapped_close (&file);
    }
  df_free (from);
  df_free (to);
  return status;
}

df_status
df_trainer_export (const df_trainer *trainer, const char *folder, bool ema, bool fp16, df_error *err)
{
  const df_graph *g       = &trainer->nets[0].plan.graph;
  size_t          n       = (size_t) g->num_params;
  df_weight      *weights = df_alloc (n, sizeof *weights);
  float          *data    = df_alloc (trainer->count, sizeof *data);
  df_status       status;

  if (weights == NULL || data == NULL)
    {
      df_free (weights);
      df_free (data);
      return df_fail (err, DF_ERROR_MEMORY, "Out of memory for the model's weights.");
    }
  for (size_t i = 0; i < n; i++)
    {
      const df_param *p = &g->params[i];

      df_param_copy (p, (ema ? trainer->ema : trainer->w) + trainer->offset[i],
                     df_conv_hwio (p->in, p->out, p->kernel), data + trainer->offset[i],
                     df_conv_oihw (p->in, p->kernel));
      weights[i] = (df_weight) { .name = p->name, .dims = p->dims, .count = p->count,
                                 .data = data + trainer->offset[i] };
      memcpy (weights[i].shape, p->shape, sizeof weights[i].shape);
    }
  status = df_model_save (folder, &trainer->config.unet, &trainer->config.scheduler, &trainer->config.card, weights, n,
                          fp16, err);
  if (status == DF_OK && trainer->config.base != NULL)
    status = export_attribution (trainer->config.base, folder, err);
  if (status == DF_OK && trainer->config.texton != 0 && trainer->data.count == 1)
    status = export_texton (trainer, folder, err);
  df_free (weights);
  df_free (data);
  return status;
}
