/* SPDX-License-Identifier: GPL-3.0-or-later */
/* data: pictures as the trainer sees them, and crops from them. */
#ifndef DF_TRAIN_DATA_H
#define DF_TRAIN_DATA_H

#include "train/config.h"
#include "train/draw.h"

typedef struct df_prepared
{
  float *pixels;            /* [height,width,channels], -1 … 1; RGBA premultiplied */
  int    width, height, label;
  uint8_t  *keep;           /* [height,width] 0 or 1, NULL: all                    */
  uint32_t *origins[DF_MAX_CROPS];    /* where crops of a size may begin (y·width + x), NULL: anywhere */
  uint32_t  num_origins[DF_MAX_CROPS];
} df_prepared;

typedef struct df_data
{
  df_prepared *pictures;    /* sorted by label                                     */
  size_t       count;
  int          channels, classes;
  size_t      *first;       /* [classes + 1]: pictures of class c are first[c] … first[c+1]-1; */
                            /* one class, 0, when there are no labels              */
  double      *cumulative;  /* [classes]: share of draws up to and with class c    */
} df_data;

/* Copies and reduces the pictures. Errors: ARGUMENT (which picture, why), MEMORY. */
DF_CHECKED df_status df_data_new   (df_data *out, const df_picture *pictures, size_t count, int classes,
                                    const df_train_config *config, df_error *err);
void                 df_data_clear (df_data *data);
size_t               df_data_bytes (const df_data *data);   /* of the pictures and the lists of their crops */

/* A random crop [height,width,channels] of config->crops[which], with random symmetry (of rotations only squares take the
 * quarter turns); returns its label, -1 without labels. */
int  df_data_crop (const df_data *data, const df_train_config *config, df_draw *draw, int which, float *out);

#endif
