/* SPDX-License-Identifier: GPL-3.0-or-later */
/* save: a model folder as DDPMPipeline.save_pretrained lays it out, with our card beside. The weights come last,
 * so that a folder that can be opened is complete. */
#include "model/model.h"

#include "base/alloc.h"
#include "base/mapped.h"
#include "model/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static df_status
write_text (const char *folder, const char *name, char *text, df_error *err)
{
  char     *path = df_path_join (folder, name);
  df_status status;

  if (path == NULL || text == NULL)
    status = df_fail (err, DF_ERROR_MEMORY, "Out of memory while the model was saved.");
  else
    status = df_file_write (path, &(df_span) { text, strlen (text) }, 1, err);
  df_free (path);
  free (text);
  return status;
}

static char *
index_text (const df_scheduler_config *scheduler)
{
  char       *text = malloc (512);
  const char *name = scheduler->is_ddim ? "DDIM" : "DDPM";

  if (text != NULL)
    snprintf (text, 512,
              "{\n  \"_class_name\": \"%sPipeline\",\n  \"scheduler\": [\"diffusers\", \"%sScheduler\"],\n"
              "  \"unet\": [\"diffusers\", \"UNet2DModel\"]\n}\n", name, name);
  return text;
}

static df_status
make_folders (const char *folder, df_error *err)
{
  char     *unet = df_path_join (folder, "unet"), *scheduler = df_path_join (folder, "scheduler");
  df_status status = unet != NULL && scheduler != NULL
                       ? DF_OK : df_fail (err, DF_ERROR_MEMORY, "Out of memory while the model was saved.");

  if (status == DF_OK)
    status = df_folder_make (folder, err);
  if (status == DF_OK)
    status = df_folder_make (unet, err);
  if (status == DF_OK)
    status = df_folder_make (scheduler, err);
  df_free (unet);
  df_free (scheduler);
  return status;
}

static df_status
write_weights (const char *folder, const df_weight *weights, size_t n, bool fp16, df_error *err)
{
  df_tensor_out *tensors = df_alloc (n, sizeof *tensors);
  char          *path    = df_path_join (folder, "unet/diffusion_pytorch_model.safetensors");
  df_status      status;

  for (size_t i = 0; tensors != NULL && i < n; i++)
    {
      tensors[i] = (df_tensor_out) { .name = weights[i].name, .dtype = fp16 ? DF_F16 : DF_F32,
                                     .dims = weights[i].dims, .data = weights[i].data };
      memcpy (tensors[i].shape, weights[i].shape, sizeof weights[i].shape);
    }
  status = tensors != NULL && path != NULL ? df_safetensors_write (path, tensors, n, "{\"format\":\"pt\"}", err)
                                           : df_fail (err, DF_ERROR_MEMORY, "Out of memory while the model was saved.");
  df_free (tensors);
  df_free (path);
  return status;
}

df_status
df_model_save (const char *folder, const df_unet_config *unet, const df_scheduler_config *scheduler,
               const df_card *card, const df_weight *weights, size_t num_weights, bool fp16, df_error *err)
{
  DF_TRY (make_folders (folder, err));
  DF_TRY (write_text (folder, "model_index.json", index_text (scheduler), err));
  DF_TRY (write_text (folder, "unet/config.json", df_unet_config_text (unet), err));
  DF_TRY (write_text (folder, "scheduler/scheduler_config.json", df_scheduler_config_text (scheduler), err));
  DF_TRY (write_text (folder, "card.json", df_card_text (card), err));
  return write_weights (folder, weights, num_weights, fp16, err);
}
