/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config: what UNet2DModel's config.json and scheduler_config.json say, with diffusers' defaults for
 * absent keys (core.md §2.1, C18). An unknown block type, activation or option value is refused by name. */
#ifndef DF_MODEL_CONFIG_H
#define DF_MODEL_CONFIG_H

#include "base/status.h"

#include <stddef.h>

#define DF_MAX_LEVELS 8

typedef enum df_time_scale_shift { DF_TIME_DEFAULT, DF_TIME_SCALE_SHIFT } df_time_scale_shift;
typedef enum df_resample         { DF_RESAMPLE_CONV, DF_RESAMPLE_RESNET } df_resample;
typedef enum df_beta_schedule    { DF_BETA_LINEAR, DF_BETA_SCALED_LINEAR, DF_BETA_SQUAREDCOS_CAP_V2,
                                   DF_BETA_TRAINED } df_beta_schedule;

typedef struct df_unet_config
{
  int    sample_width, sample_height;     /* sample_size; 0 when null                                    */
  int    in_channels, out_channels;
  bool   center_input_sample;             /* x ← 2x - 1 before conv_in                                   */
  double freq_shift;                      /* time embedding: denominator half - freq_shift               */
  bool   flip_sin_to_cos;                 /* [cos|sin] instead of [sin|cos]                              */
  int    levels;
  int    block_out_channels[DF_MAX_LEVELS];
  bool   down_attention[DF_MAX_LEVELS];   /* AttnDownBlock2D at that level                               */
  bool   up_attention[DF_MAX_LEVELS];     /* AttnUpBlock2D, in the order of up_block_types               */
  df_resample down_resample[DF_MAX_LEVELS];   /* conv or resnet (ResnetDownsampleBlock2D, downsample_type) */
  df_resample up_resample[DF_MAX_LEVELS];
  bool   add_attention;                   /* in the mid block                                            */
  int    layers_per_block;
  double mid_block_scale_factor;          /* output_scale_factor of the mid block's resnets, attention   */
  int    downsample_padding;              /* 0: pad right and bottom; 1: symmetric                       */
  int    attention_head_dim;              /* channels per head; 0 = null = one head                      */
  int    norm_num_groups;
  int    attn_norm_num_groups;            /* mid block's attention norm; = norm_num_groups when null     */
  double norm_eps;
  df_time_scale_shift resnet_time_scale_shift;
  int    num_class_embeds;                /* 0 = unconditional                                           */
} df_unet_config;

typedef struct df_scheduler_config
{
  int              num_train_timesteps;
  double           beta_start, beta_end;
  df_beta_schedule beta_schedule;
  float           *trained_betas;         /* num_train_timesteps values, owned, or NULL                  */
  df_prediction    prediction_type;
  df_variance      variance_type;         /* fixed_small or fixed_large                                  */
  bool             clip_sample;
  double           clip_sample_range;
  bool             set_alpha_to_one;
  int              steps_offset;
  df_spacing       timestep_spacing;
  bool             rescale_betas_zero_snr;
  bool             is_ddim;               /* _class_name says DDIMScheduler                              */
} df_scheduler_config;

/* card.json: what a model says to a human, and what it recommends; every key may be absent.
 * Strings are owned; NULL when absent. Numbers are -1 when absent. */
typedef struct df_card
{
  char      *title, *description, *licence, *attribution, *terms;
  char      *training_command, *training_time;
  char     **class_names;
  int        num_class_names;
  int        null_class;
  bool       any_size, tileable;
  int        steps, denoise_steps, start_t;
  double     eta, guidance;
  int        sampler, spacing, clip;      /* df_sampler, df_spacing (linear or quad), df_clip or -1       */
} df_card;

/* text: JSON of `size` bytes, not necessarily terminated; where: file name for messages.
 * Errors: FORMAT (not JSON, wrong type), UNSUPPORTED (key and value), MEMORY. Unknown keys are ignored. */
DF_CHECKED df_status df_unet_config_parse      (df_unet_config *out, const char *text, size_t size,
                                                const char *where, df_error *err);
DF_CHECKED df_status df_scheduler_config_parse (df_scheduler_config *out, const char *text, size_t size,
                                                const char *where, df_error *err);
DF_CHECKED df_status df_card_parse             (df_card *out, const char *text, size_t size,
                                                const char *where, df_error *err);
void df_card_empty            (df_card *out);
void df_card_clear            (df_card *card);
void df_scheduler_config_clear (df_scheduler_config *config);

/* The JSON texts that save_pretrained would write; for the trainer's export. Caller frees with free (). */
char *df_unet_config_text      (const df_unet_config *config);
char *df_scheduler_config_text (const df_scheduler_config *config);
char *df_card_text             (const df_card *card);

#endif
