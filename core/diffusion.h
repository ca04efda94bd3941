/* SPDX-License-Identifier: GPL-3.0-or-later */
/* diffusion.h: the one public header of the diffusion core.
 *
 *   df_error    err;
 *   df_model   *model;
 *   df_session *session;
 *   df_request  request;
 *   float      *picture = malloc (64 * 64 * 3 * sizeof (float));
 *
 *   if (df_model_open (&model, "models/materials-64", &err) != DF_OK)
 *     die (err.text);
 *   df_request_default (model, &request);      (what the model's card recommends)
 *   request.width = request.height = 64;
 *   request.steps = 20;
 *   if (df_session_new (&session, model, &request, &err) != DF_OK ||
 *       df_run (session, &(df_input) { .seed = 7 }, NULL, picture, &err) != DF_OK)
 *     die (err.text);
 *   df_session_free (session);
 *   df_model_close (model);
 *
 * Pictures are float, NHWC (row by row, channels interleaved), in the network's range -1 … 1.
 * t is a timestep index 0 … T-1 as in diffusers; -1 is the clean picture.
 * A model is immutable and may be shared by threads; a session belongs to one thread at a time.
 * Every call that can fail returns a df_status and fills the caller's df_error (which may be NULL).
 */
#ifndef DF_DIFFUSION_H
#define DF_DIFFUSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DF_VERSION "0.1.0"

#if defined(__GNUC__)
#define DF_CHECKED __attribute__ ((warn_unused_result))
#else
#define DF_CHECKED
#endif

/* ------------------------------------------------------------------ errors */

typedef enum df_status
{
  DF_OK = 0,
  DF_DONE,               /* df_step: no step is left; not an error                        */
  DF_CANCELLED,          /* a progress callback said stop; not an error                   */
  DF_ERROR_MEMORY,       /* the system refused memory                                     */
  DF_ERROR_CAP,          /* the run would need more than its memory cap                   */
  DF_ERROR_IO,           /* a file cannot be opened, read or written                      */
  DF_ERROR_FORMAT,       /* a file is damaged or is not what it claims to be              */
  DF_ERROR_UNSUPPORTED,  /* a file is sound, but asks for something this core lacks       */
  DF_ERROR_ARGUMENT,     /* the caller asked for something out of range                   */
  DF_ERROR_NUMERIC       /* a result is not finite                                        */
} df_status;

typedef struct df_error
{
  df_status status;
  char      text[512];   /* one or two sentences that say what to do, UTF-8, no newline   */
} df_error;

/* Errors are written in what this makes of their English format, such as gettext; NULL, as at first: in English. Set it before
 * other threads are there. */
void df_set_translator (const char *(*translate) (const char *text));

/* Instruction set of the kernels in this process: "generic", "avx2" or "avx512"; for recipes and reports. */
const char *df_kernels_name (void);

/* ------------------------------------------------------------------ words */

typedef enum df_sampler    { DF_SAMPLER_DDIM, DF_SAMPLER_DDPM } df_sampler;
typedef enum df_spacing    { DF_SPACING_LEADING, DF_SPACING_TRAILING, DF_SPACING_LINSPACE,
                             DF_SPACING_LINEAR, DF_SPACING_QUAD } df_spacing;
typedef enum df_variance   { DF_VARIANCE_FIXED_SMALL, DF_VARIANCE_FIXED_LARGE,
                             DF_VARIANCE_SIGMA_HAT } df_variance;
typedef enum df_clip       { DF_CLIP_NONE, DF_CLIP_CLIP, DF_CLIP_REDERIVE } df_clip;
typedef enum df_rng        { DF_RNG_PHILOX, DF_RNG_TORCH } df_rng;
typedef enum df_prediction { DF_PREDICTION_EPSILON, DF_PREDICTION_V, DF_PREDICTION_SAMPLE } df_prediction;

/* Words as they stand on the command line and in procedures ("ddim", "fixed-small", "quad", …).
 * Each returns false, and leaves *out alone, when the word is unknown. NULL is unknown. */
bool df_sampler_parse  (const char *word, df_sampler  *out);
bool df_spacing_parse  (const char *word, df_spacing  *out);
bool df_variance_parse (const char *word, df_variance *out);
bool df_clip_parse     (const char *word, df_clip     *out);   /* none, clip, rederive */
bool df_rng_parse      (const char *word, df_rng      *out);

const char *df_sampler_word  (df_sampler  value);
const char *df_spacing_word  (df_spacing  value);
const char *df_variance_word (df_variance value);
const char *df_clip_word     (df_clip     value);
const char *df_prediction_word (df_prediction value);          /* as diffusers spells it */

/* ------------------------------------------------------------------ models */

typedef struct df_model df_model;

/* What a model says of itself; strings live as long as the model and are never NULL ("" = unknown). */
typedef struct df_model_info
{
  const char        *path;             /* the folder                                              */
  const char        *weights_path;     /* the safetensors file                                    */
  const char        *thumbnail_path;   /* "" without one                                          */
  const char        *title, *description, *licence, *attribution, *terms;
  const char        *training_command, *training_time;   /* how it was made; a sentence        */
  int                channels;         /* of the pictures: 1 grey, 3 RGB, 4 RGBA (premultiplied)  */
  int                native_width, native_height;
  int                size_multiple;    /* sides must be multiples of this: 2^(levels-1)           */
  bool               any_size;         /* card: a texture model makes any size                    */
  bool               tileable;         /* card: trained with circular padding                     */
  int                num_train_timesteps;
  df_prediction      prediction;
  int                num_classes;      /* classes a user can ask for; 0 = unconditional           */
  const char *const *class_names;      /* num_classes names ("0", "1", … without a card)          */
  int                null_class;       /* label that means "none", -1 if there is none            */
  long long          parameters;
  /* recommended by the card, else the scheduler's own */
  df_sampler         sampler;
  int                steps;            /* generate; 50 without a card                             */
  int                denoise_steps;    /* partial denoise; 25 without a card                      */
  int                start_t;          /* partial denoise; the t whose √ᾱ is nearest .6           */
  df_spacing         spacing;          /* partial denoise: linear or quad                         */
  int                texton_t;         /* where a run from the texton starts; -1: there is none   */
  double             eta, guidance;
  df_clip            clip;
} df_model_info;

/* Opens a diffusers model folder (UNet2DModel + DDPM/DDIM scheduler config; DESIGN §4).
 * Errors: IO, FORMAT, UNSUPPORTED (names the key and value), MEMORY. *out is owned by the caller. */
DF_CHECKED df_status df_model_open (df_model **out, const char *path, df_error *err);
void                 df_model_close (df_model *model);   /* accepts NULL */
const df_model_info *df_model_describe (const df_model *model);

/* Class index of a name or of a decimal index. "" gives null_class; on a conditional model
 * without one that is ARGUMENT, as is an unknown name; on an unconditional model any name is. */
DF_CHECKED df_status df_model_class (const df_model *model, const char *name, int *out, df_error *err);

/* The noise level at t: x_t = sqrt_alpha·x_0 + sqrt_sigma·ε (Ho 2020, eq. 4). */
typedef struct df_level
{
  double sqrt_alpha;   /* √ᾱ_t, 1 … 0               */
  double sqrt_sigma;   /* √(1-ᾱ_t)                   */
  double snr;          /* ᾱ_t / (1-ᾱ_t); ∞ at t = -1 */
} df_level;

df_level df_level_at   (const df_model *model, double t);            /* -1 ≤ t ≤ T-1, fractional allowed */
int      df_level_find (const df_model *model, double sqrt_alpha);   /* t in 0 … T-1 with the nearest √ᾱ */

/* ------------------------------------------------------------------ one run */

typedef struct df_request
{
  /* canvas */
  int           width, height;        /* multiples of size_multiple                               */
  int           batch;                /* rows, ≥ 1                                                */
  bool          tile_x, tile_y;       /* circular padding along x, y                              */
  int           origin_x, origin_y;   /* picture coordinates of the canvas's first pixel: the     */
                                      /* philox noise is a function of them                       */
  int           period_x, period_y;   /* picture size along a tiled axis; 0 = width, height       */
  /* what */
  int           label;                /* class index, -1 = unconditional                          */
  double        guidance;             /* classifier-free guidance scale, 1 = off; needs null_class */
  bool          encode;               /* DDIM encoding: from x_0 up to x_T, η = 0                 */
  bool          texton;               /* from x_T: start instead at texton_t, from a Gaussian texture with the mean and  */
                                      /* autocovariance of the one picture that was learned (Galerne 2011), noised. Of   */
                                      /* no effect with a model that has none, with start_t, timesteps, sigmas, encode,  */
                                      /* compat or torch's noise; not with an x_T given                                  */
  /* how */
  df_sampler    sampler;
  int           start_t;              /* -1: from x_T with `spacing` over T steps;                */
                                      /* 0 … T-1: partial denoise from q(x_t|x_0)                 */
  int           steps;                /* ≥ 1; partial: at most start_t + 1                        */
  df_spacing    spacing;              /* from x_T: leading, trailing, linspace, quad;             */
                                      /* partial: linear, quad                                    */
  int           steps_offset;         /* leading only; the scheduler's own                        */
  const int    *timesteps;            /* explicit list, descending, instead of the above; the     */
  int           num_timesteps;        /* clean picture comes after the last                       */
  double        eta;                  /* DDIM, 0 … 1                                              */
  df_variance   variance;             /* DDPM's variance; sigma-hat is DDIM's                     */
  const double *sigmas;               /* one σ per step instead of η or variance, or NULL         */
  int           num_sigmas;
  df_clip       clip;
  double        clip_range;           /* 1                                                        */
  bool          hard_edge_blend;      /* true: the mask is not used by the sampler (edge blend)   */
  /* noise */
  df_rng        rng;
  bool          compat;               /* diffusers' own arithmetic and traps, bit for bit if we can */
  /* resources */
  int           threads;              /* 0 = as many as there are processors                      */
  size_t        memory_cap;           /* bytes, 0 = no cap                                        */
} df_request;

/* Fills everything with what the model's card and scheduler recommend for a run from x_T (from the texton, where there is
 * one) at the native size, batch 1. */
void df_request_default (const df_model *model, df_request *out);

typedef struct df_forecast
{
  size_t bytes;                 /* all that a session allocates                                   */
  double flops_per_step;        /* network evaluations of one step, guidance included             */
  int    steps;
  double seconds_per_step;      /* the plan's cost over the speed that is measured just now        */
} df_forecast;

/* Checks a request and says what it costs, without allocating it. Errors as df_session_new but CAP. */
DF_CHECKED df_status df_forecast_run (const df_model *model, const df_request *request,
                                      df_forecast *out, df_error *err);

typedef struct df_session df_session;

/* Allocates everything a run needs. The model must outlive the session; the request, its lists
 * included, is copied. Errors: ARGUMENT (which value, and what is allowed), CAP, MEMORY. */
DF_CHECKED df_status df_session_new (df_session **out, const df_model *model,
                                     const df_request *request, df_error *err);
void                 df_session_free (df_session *session);   /* accepts NULL */

/* Called on the session's own thread, many times within a step: `fraction` of the whole run, 0 … 1.
 * Returns whether to go on; false makes the step return DF_CANCELLED and leaves the session at the
 * end of the last whole step. */
typedef bool (*df_go_on) (void *user, double fraction);

typedef struct df_progress
{
  df_go_on go_on;
  void    *user;
} df_progress;

typedef struct df_input
{
  uint64_t     seed;      /* 0 … 2^31-1 for reproducible recipes                                  */
  const float *x0;        /* [batch,height,width,channels] the picture; needed for partial runs   */
                          /* and encoding, ignored otherwise                                      */
  const float *mask;      /* [height,width] selection 0 … 1 (0 = known, keep), NULL = all 1       */
  const float *init;      /* [batch,height,width,channels] x_T given instead of drawn, or NULL    */
} df_input;

/* begin, step until DF_DONE, finish; df_run is the loop over them. Buffers given to df_begin are
 * copied. A session can begin again, with another seed, any number of times. */
DF_CHECKED df_status df_begin  (df_session *session, const df_input *input, df_error *err);
DF_CHECKED df_status df_step   (df_session *session, const df_progress *progress, df_error *err);
void                 df_estimate (const df_session *session, float *out);   /* the present x̂_0, as it would be kept */
DF_CHECKED df_status df_finish (const df_session *session, float *out, df_error *err);
DF_CHECKED df_status df_run    (df_session *session, const df_input *input,
                                const df_progress *progress, float *out, df_error *err);

int  df_session_steps     (const df_session *session);          /* of the whole run                */
int  df_session_step      (const df_session *session);          /* whole steps done                */
int  df_session_timestep  (const df_session *session, int step);/* t before step 0 … steps; -1 at the end */

/* One network evaluation: x [batch,h,w,c] at t[batch] with labels[batch] (NULL: request.label);
 * out [batch,h,w,c] is the raw network output (what `prediction` says it is). */
DF_CHECKED df_status df_predict (df_session *session, const float *x, const double *t,
                                 const int *labels, float *out, df_error *err);

/* Where the time goes: after df_profile_start every evaluation is timed per op. */
typedef struct df_profile_row
{
  const char *name;             /* kind and place of the op, owned by the session                 */
  double      seconds, flops, bytes;
} df_profile_row;
void   df_profile_start (df_session *session);
size_t df_profile_rows  (const df_session *session, df_profile_row *rows, size_t max);   /* returns how many there are */

/* ------------------------------------------------------------------ likelihood */

/* One term of the variational bound on -log p(x_0) (Ho 2020, eq. 5), mean over the values of x_0. t is this header's
 * index: at t ≥ 1 the KL divergence that the paper calls L_{t-1} with its t one larger (eq. 8 and 12), at t = 0 the
 * paper's L_0, the discretised decoder (eq. 13), which wants 8-bit pictures: v/127.5 - 1. */
typedef struct df_bound_term
{
  int    t;
  double error;          /* mean (ε - ε̂)²: what L_simple averages over t (eq. 14)                  */
  /* by the variance of the reverse step: [DF_VARIANCE_FIXED_SMALL] β̃_t, [DF_VARIANCE_FIXED_LARGE] β_t */
  double weight[2];      /* of `error` in nats (eq. 12); ∞ where ᾱ_t is 0; 0 at t = 0               */
  double bits[2];        /* bits per value (bits/dim)                                              */
} df_bound_term;

/* x0: [batch,height,width,channels], labels: [batch] or NULL (request.label). Noise is philox (seed + row, transition t,
 * x, y, c), so that a term does not depend on which others are asked for. x̂_0 is clipped if the request clips. β̃_0 is 0;
 * L_0 takes β̃_1 there, as the authors' code. Takes no memory, and ends a run that has begun: df_begin comes next.
 * Errors: ARGUMENT (t, guidance: a guided prediction is no model), CANCELLED, NUMERIC. */
DF_CHECKED df_status df_likelihood_term (df_session *session, const float *x0, const int *labels, int t, uint64_t seed,
                                         const df_progress *progress, df_bound_term *out, df_error *err);
/* L_T, bits per value: KL (q(x_T|x_0) ‖ N (0, 1)) of x0 [n]; no network is asked. */
double               df_likelihood_prior (const df_session *session, const float *x0, size_t n);

/* ------------------------------------------------------------------ pieces */

/* Noising alone, closed form: out = √ᾱ_t·x0 + √(1-ᾱ_t)·ε(seed, k = 0, x, y, c) with the request's
 * origin, tiling and rng. x0, out: [batch,h,w,c]; out may be x0. Errors: ARGUMENT (t). */
DF_CHECKED df_status df_noise (const df_model *model, const df_request *request, double t,
                               uint64_t seed, const float *x0, float *out, df_error *err);

/* Spherical interpolation over the whole tensor (Song 2021, §5.3); falls back to linear at angle 0. */
void df_slerp (const float *a, const float *b, double weight, size_t n, float *out);

typedef struct df_rect { int x, y, width, height; } df_rect;

/* The canvas the network sees around the selected bounds (both in drawable coordinates): real pixels
 * as known context, at least half the native size and 32 px, then up to the next multiple; it reaches
 * beyond the drawable only where the drawable ends (fill with df_mirror). On a tiled axis the canvas
 * is the whole drawable, whose side must then be a multiple of size_multiple (ARGUMENT otherwise). */
DF_CHECKED df_status df_canvas_around (const df_model *model, df_rect bounds, int drawable_width,
                                       int drawable_height, bool tile_x, bool tile_y,
                                       df_rect *canvas, df_error *err);
int  df_mirror (int i, int n);   /* reflect i into 0 … n-1 without repeating the edge pixel; any i, n ≥ 1 */

/* The part of the canvas that lies within the drawable (the window, at the canvas's origin) onto the whole
 * canvas: pixels mirrored beyond it, the selection feathered (see df_feather) and 0 beyond it. window
 * [height,width,channels]; out [canvas height, canvas width, channels]. Errors: MEMORY. */
void                 df_canvas_fill (const float *window, int width, int height, int channels,
                                     int canvas_width, int canvas_height, float *out);
DF_CHECKED df_status df_canvas_mask (const float *window, int width, int height, double feather,
                                     int canvas_width, int canvas_height, float *out, df_error *err);

/* Feather inwards, for edge noise-level: mask [h,w] 0 … 1 falls smoothly to 0 over `px` pixels inside
 * its own border (pixels with 0; the array's border does not count). px < 0: 3 where the mask is hard
 * (only 0 and 1), else 0. The array must show the zeros around the selection. Errors: MEMORY. */
DF_CHECKED df_status df_feather (float *mask, int width, int height, double px, df_error *err);

/* ------------------------------------------------------------------ training */

typedef struct df_picture
{
  const uint8_t *pixels;      /* [height,width,channels] interleaved, 0 … 255; RGBA not premultiplied */
  int            width, height, channels;
  int            label;       /* class index, -1 = none */
  const uint8_t *keep;        /* [height,width]: no crop holds a pixel with 0; NULL = all may be seen     */
} df_picture;

typedef struct df_trainer df_trainer;

typedef struct df_train_report
{
  long   step, steps;         /* steps: 0 while a budget in minutes is not yet turned into a number  */
  double loss;                /* of this step                                                        */
  double loss_mean;           /* exponential mean                                                    */
  double grad_norm, learning_rate, samples_per_second, seconds_left;
} df_train_report;

/* config: JSON text; every key has a default (df_train_config_text writes them all out).
 * "base" in it is a model folder: its weights are where the run starts, its network, scheduler and card stand where
 * the configuration says nothing; without classes in the data the base's null class becomes an unconditional network.
 * Pictures are copied. class_names: one per label, for the card; with a base that has classes, names of those.
 * resume: a checkpoint file, or NULL. Errors: ARGUMENT (names the key, or what of the base does not fit), MEMORY,
 * CAP (more than "memory_mb" even when as much as possible is computed again), FORMAT, IO. */
DF_CHECKED df_status df_trainer_new (df_trainer **out, const char *config, const df_picture *pictures,
                                     size_t num_pictures, const char *const *class_names,
                                     size_t num_classes, const char *resume, df_error *err);
void                 df_trainer_free (df_trainer *trainer);   /* accepts NULL */
/* Memory of the whole run, its copies of the pictures included: what "memory_mb" caps. */
size_t               df_trainer_bytes (const df_trainer *trainer);
/* DF_DONE at the end; step and steps of the report are filled then too. */
DF_CHECKED df_status df_trainer_step (df_trainer *trainer, df_train_report *report, df_error *err);
/* Atomic: written beside, synced, renamed. A run that resumes from it continues bit for bit. */
DF_CHECKED df_status df_trainer_checkpoint (const df_trainer *trainer, const char *path, df_error *err);
/* The configuration that a checkpoint was made with, as df_trainer_new takes it; caller frees with free (). Errors: IO,
 * FORMAT, MEMORY. */
DF_CHECKED df_status df_checkpoint_config (const char *path, char **out, df_error *err);
/* The EMA weights (or the plain ones) as a model folder; fp16 halves the size. */
DF_CHECKED df_status df_trainer_export (const df_trainer *trainer, const char *folder, bool ema,
                                        bool fp16, df_error *err);
/* The whole configuration with every default written out; caller frees with free (). NULL: no memory. */
char                *df_trainer_config_text (const df_trainer *trainer);

#endif
