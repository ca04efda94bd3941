/* SPDX-License-Identifier: GPL-3.0-or-later */
/* trainer: building a run and stepping it; see trainer.h. */
#include "train/trainer.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SPAN 65536   /* parameters of one tile of the optimizer */

static const df_graph *
graph_of (const df_trainer *trainer)
{
  return &trainer->nets[0].plan.graph;
}

df_status
df_trainer_no_memory (df_error *err)
{
  return df_fail (err, DF_ERROR_MEMORY,
                  "Out of memory for training: choose a smaller network, crop size or batch.");
}

/* ------------------------------------------------------------------ building */

static df_status
build_parameters (df_trainer *trainer, df_error *err)
{
  const df_graph *g = graph_of (trainer);
  size_t          n = (size_t) g->num_params;

  trainer->offset  = df_alloc (n, sizeof *trainer->offset);
  trainer->w_of    = df_alloc (n, sizeof *trainer->w_of);
  trainer->grad_of = df_alloc (n, sizeof *trainer->grad_of);
  if (trainer->offset == NULL || trainer->w_of == NULL || trainer->grad_of == NULL)
    return df_trainer_no_memory (err);
  for (size_t i = 0; i < n; i++)
    {
      trainer->offset[i] = trainer->count;
      trainer->count    += df_trainer_room (&g->params[i]);
    }
  trainer->memory = df_alloc (5 * trainer->count, sizeof *trainer->memory);
  if (trainer->memory == NULL)
    return df_trainer_no_memory (err);
  trainer->w    = trainer->memory;
  trainer->m1   = trainer->w + trainer->count;
  trainer->m2   = trainer->m1 + trainer->count;
  trainer->ema  = trainer->m2 + trainer->count;
  trainer->grad = trainer->ema + trainer->count;
  for (size_t i = 0; i < n; i++)
    {
      trainer->w_of[i]    = trainer->w + trainer->offset[i];
      trainer->grad_of[i] = trainer->grad + trainer->offset[i];
    }
  for (int i = 0; i < trainer->config.num_crops; i++)
    df_network_bind_grads (&trainer->nets[i], trainer->grad_of);
  return DF_OK;
}

/* Uniform with variance 2/(fan in + fan out) (Ho 2020's "fan_avg"); last convolutions of a block start at 0. */
static void
initialize (df_trainer *trainer)
{
  const df_graph *g    = graph_of (trainer);
  df_draw         draw = df_draw_start ((uint32_t) trainer->config.seed, 0, DF_STREAM_INIT);

  for (int i = 0; i < g->num_params; i++)
    {
      const df_param *p     = &g->params[i];
      double          fan   = p->kernel * p->kernel * (p->in + p->out);
      double          bound = sqrt (6.0 / fmax (fan, 1.0));

      for (size_t j = 0; j < p->count; j++)
        {
          double u = 2.0 * df_draw_uniform (&draw) - 1.0;

          trainer->w_of[i][j] = p->init == DF_INIT_ONE      ? 1.0f
                                : p->init == DF_INIT_FAN    ? (float) (bound * u)
                                : p->init == DF_INIT_NORMAL ? (float) (0.02 * sqrt (3.0) * u)
                                                            : 0.0f;
        }
    }
  memcpy (trainer->ema, trainer->w, trainer->count * sizeof *trainer->w);
}

static df_status
build_batch (df_trainer *trainer, df_error *err)
{
  const df_train_config *c = &trainer->config;
  size_t                 rows = 0, floats = 0;

  for (int i = 0; i < c->num_crops; i++)
    {
      size_t b = (size_t) c->crops[i].batch, pixels = b * (size_t) c->crops[i].width * (size_t) c->crops[i].height;

      rows   = b > rows ? b : rows;
      floats = pixels > floats ? pixels : floats;
    }
  floats *= (size_t) trainer->data.channels;
  trainer->batch = (df_batch) { 0, 0, 0, 0, df_alloc (floats, sizeof (float)), df_alloc (floats, sizeof (float)),
                                df_alloc (rows, sizeof (double)), df_alloc (rows, sizeof (int)) };
  if (trainer->batch.x0 == NULL || trainer->batch.noise == NULL || trainer->batch.t == NULL ||
      trainer->batch.labels == NULL)
    return df_trainer_no_memory (err);
  trainer->bytes += 2 * floats * sizeof (float) + rows * (sizeof (double) + sizeof (int));
  return DF_OK;
}

/* A class of the data is the base's class of that name. */
static df_status
find_classes (df_trainer *trainer, const char *const *names, size_t classes, df_error *err)
{
  const df_card *card = &trainer->config.card;

  for (size_t c = 0; c < classes; c++)
    {
      int i = 0;

      while (i < card->num_class_names && strcmp (card->class_names[i], names[c]) != 0)
        i++;
      if (i == card->num_class_names || i >= trainer->config.unet.num_class_embeds)
        return df_fail (err, DF_ERROR_ARGUMENT, "The base has no class \"%s\": name the folder like one of its classes, or "
                        "put all pictures into one folder without subfolders.", names[c]);
      trainer->label_of[c] = i;
    }
  return DF_OK;
}

/* What the card and the network must agree on. */
static df_status
settle_classes (df_trainer *trainer, const char *const *names, size_t classes, df_error *err)
{
  df_card *card = &trainer->config.card;
  int      rows = trainer->config.unet.num_class_embeds;

  if (trainer->config.unet.in_channels != trainer->data.channels ||
      trainer->config.unet.out_channels != trainer->data.channels)
    return df_fail (err, DF_ERROR_ARGUMENT, "The network has %d channels, the pictures have %d.",
                    trainer->config.unet.in_channels, trainer->data.channels);
  card->tileable    = trainer->config.circular != 0;
  trainer->label_of = df_alloc (classes + 1, sizeof *trainer->label_of);
  if (trainer->label_of == NULL)
    return df_trainer_no_memory (err);
  for (size_t c = 0; c < classes; c++)
    trainer->label_of[c] = (int) c;
  if (trainer->config.based && rows != 0 && card->class_names != NULL)
    return find_classes (trainer, names, classes, err);
  if (rows != 0 && rows != (int) classes && rows != (int) classes + 1)
    return df_fail (err, DF_ERROR_ARGUMENT, "num_class_embeds is %d, but there are %zu classes (and a null class).",
                    rows, classes);
  if (rows == 0 || card->class_names != NULL)
    return DF_OK;
  card->null_class  = rows == (int) classes + 1 ? (int) classes : -1;
  card->class_names = df_alloc (classes, sizeof *card->class_names);
  if (card->class_names == NULL)
    return df_trainer_no_memory (err);
  for (; card->num_class_names < (int) classes; card->num_class_names++)
    if ((card->class_names[card->num_class_names] = df_strdup (names[card->num_class_names])) == NULL)
      return df_trainer_no_memory (err);
  return DF_OK;
}

/* ------------------------------------------------------------------ the length of a run */

/* Seconds of one step: the best of 20, or of as many as 2 seconds allow, since a busy moment at the start would make the
 * whole run too short. */
static double
time_step (df_trainer *trainer, int which)
{
  df_network *net  = &trainer->nets[which];
  double      best = INFINITY, begin = df_seconds ();

  for (int i = 0; i < trainer->config.crops[which].batch; i++)
    {
      trainer->batch.t[i]      = 0;
      trainer->batch.labels[i] = 0;
    }
  for (int i = 0; i < 4 || (i < 20 && df_seconds () - begin < 2.0); i++)
    {
      double start = df_seconds ();

      df_network_bind (net, (const float *const *) trainer->w_of, DF_LAYOUT_HWIO, NULL, NULL);
      if (df_network_forward (net, trainer->batch.t, trainer->batch.labels, NULL, NULL) == DF_OK)
        df_network_backward (net);
      best = fmin (best, df_seconds () - start);
    }
  return best;
}

/* … in the mean over the sizes of a phase. */
static double
time_phase (df_trainer *trainer, const df_train_phase *phase)
{
  double sum = 0.0;

  for (int i = 0; i < phase->count; i++)
    sum += time_step (trainer, phase->first + i);
  return sum / phase->count;
}

/* A budget in minutes becomes a number of steps once; the number is part of a checkpoint, and the learning rate a
 * function of the step, so that an interrupted run and a whole one are the same run. */
static void
settle_steps (df_trainer *trainer)
{
  const df_train_config *c = &trainer->config;
  double                 shares = 0.0;

  for (int i = 0; i < c->num_phases; i++)
    shares += c->phases[i].share;
  for (int i = 0; i < c->num_phases; i++)
    {
      double part  = c->phases[i].share / shares;
      double steps = c->steps > 0 ? part * c->steps : part * c->minutes * 60.0 / time_phase (trainer, &c->phases[i]);

      trainer->steps       += steps >= 1.0 ? (long) (steps + 0.5) : 1;
      trainer->phase_end[i] = trainer->steps;
    }
}

/* ------------------------------------------------------------------ public: new, free */

static df_status
build (df_trainer *trainer, const df_picture *pictures, size_t num_pictures, const char *const *class_names,
       size_t num_classes, const char *resume, df_error *err)
{
  DF_TRY (df_data_new (&trainer->data, pictures, num_pictures, (int) num_classes, &trainer->config, err));
  DF_TRY (settle_classes (trainer, class_names, num_classes, err));
  DF_TRY (df_schedule_init (&trainer->schedule, &trainer->config.scheduler, err));
  trainer->pool = df_pool_new ((int) trainer->config.threads);
  if (trainer->pool == NULL)
    return df_trainer_no_memory (err);
  trainer->bytes = sizeof *trainer + df_data_bytes (&trainer->data);
  DF_TRY (build_batch (trainer, err));
  DF_TRY (df_trainer_networks (trainer, err));
  DF_TRY (build_parameters (trainer, err));
  if (resume != NULL)
    return df_trainer_load (trainer, resume, err);
  initialize (trainer);
  if (trainer->config.base != NULL)
    DF_TRY (df_trainer_take_base (trainer, err));
  settle_steps (trainer);
  return DF_OK;
}

df_status
df_trainer_new (df_trainer **out, const char *config, const df_picture *pictures, size_t num_pictures,
                const char *const *class_names, size_t num_classes, const char *resume, df_error *err)
{
  df_trainer *trainer = df_alloc (1, sizeof *trainer);
  df_status   status;

  *out = NULL;
  if (trainer == NULL)
    return df_trainer_no_memory (err);
  if (num_pictures == 0)
    status = df_fail (err, DF_ERROR_ARGUMENT, "There is no picture to learn from.");
  else
    status = df_train_config_read (&trainer->config, config, (int) num_classes, pictures[0].channels,
                                   resume != NULL, err);
  if (status == DF_OK)
    status = build (trainer, pictures, num_pictures, class_names, num_classes, resume, err);
  if (status == DF_OK)
    *out = trainer;
  else
    df_trainer_free (trainer);
  return status;
}

void
df_trainer_free (df_trainer *trainer)
{
  if (trainer == NULL)
    return;
  for (int i = 0; i < DF_MAX_CROPS; i++)
    df_network_clear (&trainer->nets[i]);
  df_free_pages (trainer->block, trainer->block_bytes);
  df_free (trainer->memory);
  df_free (trainer->w_of);
  df_free (trainer->grad_of);
  df_free (trainer->offset);
  df_free (trainer->label_of);
  df_free (trainer->batch.x0);
  df_free (trainer->batch.noise);
  df_free (trainer->batch.t);
  df_free (trainer->batch.labels);
  df_schedule_clear (&trainer->schedule);
  df_data_clear (&trainer->data);
  df_train_config_clear (&trainer->config);
  df_pool_free (trainer->pool);
  df_free (trainer);
}

size_t
df_trainer_bytes (const df_trainer *trainer)
{
  return trainer->bytes;
}

char *
df_trainer_config_text (const df_trainer *trainer)
{
  size_t n    = strlen (trainer->config.text) + 1;
  char  *copy = malloc (n);

  return copy != NULL ? memcpy (copy, trainer->config.text, n) : NULL;
}

/* ------------------------------------------------------------------ one step */

double
df_trainer_rate (const df_trainer *trainer, long step)
{
  double warmup = fmin (trainer->config.warmup_steps, (double) trainer->steps / 2);
  double rest   = fmax ((double) trainer->steps - warmup, 1.0);

  if ((double) step < warmup)
    return trainer->config.learning_rate * (double) (step + 1) / warmup;
  return trainer->config.learning_rate * 0.5 * (1.0 + cos (3.14159265358979 * ((double) step - warmup) / rest));
}

typedef struct update
{
  df_trainer *trainer;
  df_adamw    rule;
  double     *squares;      /* per tile */
} update;

static size_t
span_of (const df_trainer *trainer, size_t tile)
{
  return df_min_size (SPAN, trainer->count - tile * SPAN);
}

static void
square_tile (void *ctx, size_t tile, int worker)
{
  update *u = ctx;

  (void) worker;
  u->squares[tile] = u->trainer->nets[0].k->sum_squares (u->trainer->grad + tile * SPAN, span_of (u->trainer, tile));
}

static void
adamw_tile (void *ctx, size_t tile, int worker)
{
  update     *u  = ctx;
  df_trainer *t  = u->trainer;
  size_t      at = tile * SPAN;

  (void) worker;
  t->nets[0].k->adamw (&u->rule, t->grad + at, t->w + at, t->m1 + at, t->m2 + at, t->ema + at, span_of (t, tile));
}

static df_status
optimize (df_trainer *trainer, df_train_report *report, df_error *err)
{
  const df_train_config *c     = &trainer->config;
  size_t                 tiles = (trainer->count + SPAN - 1) / SPAN;
  double                 n     = (double) trainer->step + 1.0, sum = 0.0;
  update                 u     = { .trainer = trainer, .squares = df_alloc (tiles, sizeof (double)) };

  if (u.squares == NULL)
    return df_trainer_no_memory (err);
  df_pool_run (trainer->pool, tiles, square_tile, &u);
  for (size_t i = 0; i < tiles; i++)
    sum += u.squares[i];
  df_free (u.squares);
  report->grad_norm     = sqrt (sum);
  report->learning_rate = df_trainer_rate (trainer, trainer->step);
  if (!isfinite (report->grad_norm) || !isfinite (report->loss))
    return df_fail (err, DF_ERROR_NUMERIC,
                    "Training diverged at step %ld: lower learning_rate and resume from the last checkpoint.",
                    trainer->step);
  u.rule = (df_adamw) {
    .lr = (float) report->learning_rate, .beta1 = (float) c->beta1, .beta2 = (float) c->beta2,
    .eps = (float) c->epsilon, .decay = (float) (report->learning_rate * c->weight_decay),
    .correct1 = (float) (1.0 / (1.0 - pow (c->beta1, n))), .correct2 = (float) (1.0 / (1.0 - pow (c->beta2, n))),
    .grad_scale = (float) (c->clip_norm > 0 && report->grad_norm > c->clip_norm ? c->clip_norm / report->grad_norm
                                                                                : 1.0),
    .ema = (float) fmin (c->ema_decay, (1.0 + n) / (10.0 + n)),
  };
  df_pool_run (trainer->pool, tiles, adamw_tile, &u);
  return DF_OK;
}

df_status
df_trainer_step_on (df_trainer *trainer, df_batch *batch, int which, df_train_report *report, df_error *err)
{
  df_network     *net = &trainer->nets[which];
  const df_graph *g   = &net->plan.graph;
  size_t          row = net->plan.buffers[g->input].floats / (size_t) batch->rows;

  df_network_bind (net, (const float *const *) trainer->w_of, DF_LAYOUT_HWIO, NULL, NULL);
  df_loss_noise (&trainer->schedule, batch, row, df_network_value (net, g->input));
  DF_TRY (df_network_forward (net, batch->t, batch->labels, NULL, err));
  report->loss = df_loss_gradient (&trainer->schedule, trainer->config.scheduler.prediction_type,
                                   trainer->config.min_snr_gamma, batch, row, df_network_value (net, g->output),
                                   df_network_grad_output (net));
  df_network_backward (net);
  DF_TRY (optimize (trainer, report, err));
  trainer->loss_mean = trainer->step == 0 ? report->loss : 0.99 * trainer->loss_mean + 0.01 * report->loss;
  trainer->step++;
  report->step      = trainer->step;
  report->steps     = trainer->steps;
  report->loss_mean = trainer->loss_mean;
  return DF_OK;
}

/* The size of a step's crops: a number of its own stream, so that a phase with one size draws none. */
static int
draw_size (const df_trainer *trainer, const df_train_phase *phase)
{
  df_draw draw = df_draw_start ((uint32_t) trainer->config.seed, (uint32_t) trainer->step, DF_STREAM_SIZE);

  return phase->first + (phase->count > 1 ? (int) df_draw_below (&draw, (uint32_t) phase->count) : 0);
}

/* Crops, labels and timesteps of a step: t is stratified over the rows, so that every batch sees all levels. */
static void
draw_batch (df_trainer *trainer, int which)
{
  const df_train_config *c    = &trainer->config;
  const df_train_crop   *crop = &c->crops[which];
  df_batch              *b    = &trainer->batch;
  int                    null_class = trainer->config.card.null_class;
  size_t                 row  = (size_t) crop->width * (size_t) crop->height * (size_t) trainer->data.channels;
  double                 T    = c->scheduler.num_train_timesteps;
  df_draw                draw = df_draw_start ((uint32_t) c->seed, (uint32_t) trainer->step, DF_STREAM_ROWS);
  df_draw                noise = df_draw_start ((uint32_t) c->seed, (uint32_t) trainer->step, DF_STREAM_NOISE);

  b->rows   = crop->batch;
  b->width  = crop->width;
  b->height = crop->height;
  b->margin = crop->margin;
  for (int i = 0; i < b->rows; i++)
    {
      int class = df_data_crop (&trainer->data, c, &draw, which, b->x0 + (size_t) i * row);

      b->labels[i] = class >= 0 ? trainer->label_of[class] : class;
      b->t[i]      = floor ((i + df_draw_uniform (&draw)) / b->rows * T);
      if (df_draw_uniform (&draw) < c->class_dropout && null_class >= 0)
        b->labels[i] = null_class;
    }
  df_draw_normal (&noise, b->noise, (size_t) b->rows * row);
}

df_status
df_trainer_step (df_trainer *trainer, df_train_report *report, df_error *err)
{
  int    phase = 0, which;
  double elapsed;

  report->step  = trainer->step;
  report->steps = trainer->steps;
  if (trainer->step >= trainer->steps)
    return DF_DONE;
  while (phase + 1 < trainer->config.num_phases && trainer->step >= trainer->phase_end[phase])
    phase++;
  if (trainer->started == 0.0)
    {
      trainer->started      = df_seconds ();
      trainer->started_step = trainer->step;
    }
  which = draw_size (trainer, &trainer->config.phases[phase]);
  draw_batch (trainer, which);
  DF_TRY (df_trainer_step_on (trainer, &trainer->batch, which, report, err));
  elapsed = df_seconds () - trainer->started;
  report->samples_per_second = (double) (trainer->step - trainer->started_step) * trainer->batch.rows / elapsed;
  report->seconds_left = elapsed / (double) (trainer->step - trainer->started_step) *
                         (double) (trainer->steps - trainer->step);
  return DF_OK;
}
