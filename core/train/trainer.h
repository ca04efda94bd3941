/* SPDX-License-Identifier: GPL-3.0-or-later */
/* trainer: the state of a training run and its parts. One step: batch → forward → loss → backward → AdamW → EMA.
 * Parameters, moments, averages and gradients are five flat arrays in the order of the graph's params,
 * convolutions in HWIO. Everything random follows from (seed, step): see draw.h. */
#ifndef DF_TRAIN_TRAINER_H
#define DF_TRAIN_TRAINER_H

#include "net/network.h"
#include "ops/conv.h"
#include "process/schedule.h"
#include "train/data.h"

/* Rows of one step, as the loss sees them. */
typedef struct df_batch
{
  int     rows;
  int     width, height;    /* of the pictures            */
  int     margin;           /* pixels at their edges that the loss leaves out */
  float  *x0, *noise;       /* [rows,height,width,channels] */
  double *t;                /* [rows], whole numbers      */
  int    *labels;           /* [rows]                     */
} df_batch;

struct df_trainer
{
  df_train_config config;
  df_data         data;
  df_schedule     schedule;
  df_pool        *pool;
  df_network      nets[DF_MAX_CROPS];        /* all in one block: a step leaves nothing in it */
  float          *block;
  size_t          block_bytes;
  size_t          bytes;                     /* of all that the run takes    */
  size_t          count;                     /* parameters, padding included */
  float          *memory;                    /* the five arrays              */
  float          *w, *m1, *m2, *ema, *grad;
  float         **w_of, **grad_of;           /* per param                    */
  size_t         *offset;                    /* per param                    */
  df_batch        batch;                     /* room for the largest crops   */
  int            *label_of;                  /* [data.classes]: the network's label of a class of the data */
  long            step, steps;
  long            phase_end[DF_MAX_PHASES];  /* first step behind the phase  */
  double          loss_mean;
  double          started;                   /* time of this process's first step, and its number */
  long            started_step;
};

/* One step on given rows, of config.crops[which] (tests, and df_trainer_step after it has drawn them). */
DF_CHECKED df_status df_trainer_step_on (df_trainer *trainer, df_batch *batch, int which,
                                         df_train_report *report, df_error *err);

/* Learning rate of a step: linear warm-up from 0, then half a cosine to 0 at the last step. */
double df_trainer_rate (const df_trainer *trainer, long step);

df_status df_trainer_no_memory (df_error *err);

/* networks.c: nets and their block, after data and batch are counted in `bytes`. Errors: CAP, MEMORY, ARGUMENT (size). */
DF_CHECKED df_status df_trainer_networks (df_trainer *trainer, df_error *err);
/* Floats of a param in each of the five arrays. */
size_t               df_trainer_room     (const df_param *param);

/* base.c: the weights of config.base into w and ema. A network without classes takes those of the base's null class.
 * Errors: ARGUMENT (what does not fit, by name). */
DF_CHECKED df_status df_trainer_take_base (df_trainer *trainer, df_error *err);

/* One param from one layout to another; only convolutions have any. */
void df_param_copy (const df_param *param, const float *from, df_conv_layout in, float *to, df_conv_layout out);

/* texton.c: of a picture; out is the caller's to clear. Errors: MEMORY. */
DF_CHECKED df_status df_texton_make (const df_prepared *picture, int channels, df_texton *out, df_error *err);

/* checkpoint.c */
DF_CHECKED df_status df_trainer_load (df_trainer *trainer, const char *path, df_error *err);

/* loss.c: x_t from the batch into `x`; and after the network's output y: the loss, with its gradient in dy. */
void   df_loss_noise    (const df_schedule *schedule, const df_batch *batch, size_t row, float *x);
double df_loss_gradient (const df_schedule *schedule, df_prediction prediction, double min_snr_gamma,
                         const df_batch *batch, size_t row, const float *y, float *dy);

#endif
