/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config: everything a training run is, read from JSON. Keys and defaults are one table in config.c; "unet" and
 * "scheduler" are objects with diffusers' own keys, "card" one with card.json's; "base" is a model folder that the
 * run starts from: what these three do not say is then as there. */
#ifndef DF_TRAIN_CONFIG_H
#define DF_TRAIN_CONFIG_H

#include "model/model.h"

#define DF_MAX_PHASES 4
#define DF_MAX_CROPS  16

/* Crops of one size: what a network is planned for. */
typedef struct df_train_crop
{
  int width, height, batch;
  int margin;            /* pixels at each edge of a crop that the loss leaves out: with circular padding they lie at
                          * the seam of a crop that has one, which is not to be learned */
} df_train_crop;

/* A part of the run: convolutions do not care about sizes, and small crops are quick. */
typedef struct df_train_phase
{
  int    first, count;   /* of the crops; each step takes one of them, all as likely */
  double share;          /* of the time (minutes) or of the steps                */
} df_train_phase;

typedef struct df_train_config
{
  df_unet_config      unet;
  df_scheduler_config scheduler;
  df_card             card;
  df_train_phase      phases[DF_MAX_PHASES];
  int                 num_phases;
  df_train_crop       crops[DF_MAX_CROPS];
  int                 num_crops;
  double              learning_rate, warmup_steps, beta1, beta2, epsilon, weight_decay, clip_norm;
  double              ema_decay;        /* min (ema_decay, (1+n)/(10+n))           */
  double              class_dropout;    /* share of rows trained with the null class */
  double              min_snr_gamma;    /* 0 = plain L_simple                      */
  double              balance;          /* a class is drawn in proportion to count^(1-balance) */
  double              picture_size;     /* pictures are reduced to this short side; 0 = as they are */
  double              flip_x, flip_y;   /* 0 or 1                                  */
  double              rotate;           /* 1: by any number of quarter turns       */
  double              wrap;             /* 1: pictures are seamless, crops may cross their edges */
  double              circular;         /* 1: circular padding: the network knows no border, and makes seamless
                                         * pictures; crops that are not seamless themselves need a margin      */
  double              steps, minutes;   /* steps 0: from minutes                   */
  double              seed, threads;
  double              texton;           /* 1: the model keeps the texton of its picture, if there is one picture alone */
  double              memory_mb;        /* cap in 10^6 bytes, 0 = none: with a low one more is computed again; the
                                         * numbers of the run stay the same                                     */
  bool                based;            /* the run starts, or started, from a model  */
  df_model           *base;             /* that model, owned; NULL when it is not needed */
  char               *text;             /* the whole configuration as JSON, owned  */
} df_train_config;

/* text NULL: all defaults. classes: how many the pictures have; a null class is added behind them. Pictures without
 * classes take no classes from a base: its null class becomes the whole network. channels: of the pictures.
 * resumed: weights come from elsewhere; a base is opened only where the configuration does not say the network.
 * Errors: ARGUMENT (names the key), UNSUPPORTED, MEMORY; those of df_model_load for the base. */
DF_CHECKED df_status df_train_config_read (df_train_config *out, const char *text, int classes, int channels,
                                           bool resumed, df_error *err);
void                 df_train_config_clear (df_train_config *config);

#endif
