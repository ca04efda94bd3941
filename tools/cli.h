/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli: what the subcommands of diffusion-cli share. A subcommand is one file with one function, listed in main.c;
 * it returns 0, 1 (the run failed) or 2 (usage), with one line on stderr that says what to do. */
#ifndef CLI_H
#define CLI_H

#include "diffusion.h"

#include <glib.h>

/* ------------------------------------------------------------------ options.c */

typedef struct cli_options
{
  /* common */
  char    *sampler, *timesteps, *spacing, *sigmas, *variance, *init, *start, *edge, *tile, *origin, *rng, *compat, *clip;
  char    *class_name, *size;
  int      steps, threads, memory, count;
  double   eta, guidance, feather;
  gint64   seed;
  /* of some commands */
  char    *input, *output, *mask, *data, *config, *checkpoint, *base;
  double   t, weight, minutes, checkpoint_minutes, grid;
  gboolean json, resume, no_ema, profile, serve, training;
  int      batch, limit, evaluations;
  /* what was left: model and files */
  char   **words;
} cli_options;

typedef enum cli_needs
{
  CLI_INPUT  = 1 << 0,   /* -i  */
  CLI_OUTPUT = 1 << 1,   /* -o  */
  CLI_T      = 1 << 2,   /* --t */
} cli_needs;

/* Parses a subcommand's words; words: how many positional ones it takes. false: usage error, already told. */
gboolean cli_parse (cli_options *out, const char *command, const char *synopsis, int argc, char **argv, int words,
                    int needs);
void     cli_options_clear (cli_options *options);

/* The model of the first positional word; NULL: told. */
df_model *cli_open_model (const cli_options *options);
/* Where the class does not matter: a model that asks for one gets its first. */
void      cli_any_class  (cli_options *options, const df_model *model);
/* A request for the model from the options. partial: of `denoise`. false: told; *status 1 or 2. */
gboolean  cli_request (const cli_options *options, const df_model *model, gboolean partial, df_request *out,
                       int *status);
void      cli_request_clear (df_request *request);   /* the lists */

int cli_usage (const char *format, ...) G_GNUC_PRINTF (1, 2);   /* prints the line, returns 2 */
int cli_fail  (const char *format, ...) G_GNUC_PRINTF (1, 2);   /* prints the line, returns 1 */

/* ------------------------------------------------------------------ picture.c */

/* Pictures in the network's range, NHWC. */
typedef struct cli_picture
{
  int    count, width, height, channels;
  float *data;
  float *alpha;      /* [height,width] 0 … 1 of a PNG with alpha for a model without, else NULL */
  int    depth;      /* of the PNG it came from, 8 or 16; 0: .npy                               */
  /* Samples of an RGBA PNG for an RGBA model, else NULL: premultiplied colour loses what an unchanged pixel keeps. */
  guint16 *straight;
} cli_picture;

/* .png or .npy by extension, converted to `channels` (a PNG) or checked (an array). false: told. */
gboolean cli_picture_load  (cli_picture *out, const char *path, int channels);
/* PNG names of several pictures get -0001, -0002, …; depth 0 means 8. false: told. */
gboolean cli_picture_save  (const cli_picture *picture, const char *path);
void     cli_picture_clear (cli_picture *picture);
/* Grey PNG of exactly that size as 0 … 1; g_free. NULL: told. */
float   *cli_mask_load     (const char *path, int width, int height);

/* ------------------------------------------------------------------ npy.c, png.c */

/* [count,channels,height,width] float32. Both transpose to and from NHWC. */
gboolean cli_npy_load (cli_picture *out, const char *path);
gboolean cli_npy_save (const cli_picture *picture, const char *path);

typedef struct cli_png
{
  int       width, height, channels, depth;   /* channels 1 … 4, depth 8 or 16 */
  guint16  *samples;                          /* 0 … 255 or 0 … 65535          */
} cli_png;

gboolean cli_png_load (cli_png *out, const char *path);
gboolean cli_png_save (const cli_png *png, const char *path);

/* ------------------------------------------------------------------ subcommands */

int cli_info   (int argc, char **argv);
int cli_eps    (int argc, char **argv);
int cli_sample (int argc, char **argv);
int cli_denoise (int argc, char **argv);
int cli_noise  (int argc, char **argv);
int cli_encode (int argc, char **argv);
int cli_blend  (int argc, char **argv);
/* pictures.c: pictures for training, by class when there are subfolders with pictures (label -1 without). */
typedef struct cli_data
{
  GArray    *pictures;     /* df_picture        */
  GPtrArray *classes;      /* char *, by label  */
  GPtrArray *pixels;       /* of the pictures   */
} cli_data;

cli_data cli_data_read  (const char *folder, int channels);
void     cli_data_clear (cli_data *set);

/* grid.c: 16 samples of the model in a folder as one PNG; each class has its turn. Seeds 0, 1, …; false: told. */
gboolean cli_grid (const char *folder, const char *path, int threads);

int cli_train  (int argc, char **argv);
int cli_bench  (int argc, char **argv);
int cli_likelihood (int argc, char **argv);

/* sample.c: the canvas for the size that was asked for, which may need a larger one. false: told. */
gboolean cli_fit (df_request *request, const df_model *model);

/* sample.c: runs the request from `init` (NULL: drawn) and saves; used by sample and blend. */
int cli_sample_and_save (const cli_options *options, const df_model *model, const float *init);

#endif
