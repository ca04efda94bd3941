/* SPDX-License-Identifier: GPL-3.0-or-later */
/* likelihood: the variational bound of a model on a folder of pictures, in bits/dim: L_T, every L_{t-1}, L_0 (Ho 2020,
 * eq. 5). Each picture is its centre, at the model's own size or --size; the class is the subfolder's name, or --class.
 * A picture's noise has the seed --seed plus its place in the list, so that every number can be made again. */
#include "cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yyjson.h>

/* The pictures that are asked for, in the network's range. */
typedef struct crops
{
  GPtrArray *pixels;      /* float * [height,width,channels] */
  GArray    *labels;      /* int                             */
} crops;

/* Sums over pictures. */
typedef struct bound
{
  int            pictures, evaluations, T;
  df_bound_term *terms;       /* [evaluations], terms[0] is L_0                          */
  double         prior, total[2], squares[2];
  double         share;       /* how many t ≥ 1 each of the others stands for            */
} bound;

static const df_variance variances[] = { DF_VARIANCE_FIXED_SMALL, DF_VARIANCE_FIXED_LARGE };

/* ------------------------------------------------------------------ pictures */

/* Premultiplied colour is rounded: the decoder's bins are those of 8-bit values. */
static float
network_value (const guint8 *pixel, int channels, int c)
{
  int value = channels == 4 && c < 3 ? (pixel[c] * pixel[3] + 127) / 255 : pixel[c];

  return (float) (value / 127.5 - 1.0);
}

static float *
centre_of (const df_picture *p, const df_request *r)
{
  int    left = (p->width - r->width) / 2, top = (p->height - r->height) / 2, n = p->channels;
  float *out  = g_new (float, (gsize) r->width * r->height * n), *to = out;

  for (int y = 0; y < r->height; y++)
    for (int x = 0; x < r->width; x++)
      for (int c = 0; c < n; c++)
        *to++ = network_value (p->pixels + ((gsize) (top + y) * p->width + left + x) * n, n, c);
  return out;
}

/* The model's class for a picture of the folder `name` (NULL: no subfolder), unless one was asked for. FALSE: told. */
static gboolean
find_label (const char *asked, const df_model *model, const char *name, int *label)
{
  const df_model_info *info = df_model_describe (model);
  df_error             err;

  if (asked == NULL && name != NULL && info->num_classes > 0)
    {
      if (df_model_class (model, name, label, &err) == DF_OK)
        return TRUE;
      if (info->null_class < 0)
        return cli_fail ("%s Name the folders after its classes, or give --class.", err.text) == 0;
    }
  return df_model_class (model, asked, label, &err) == DF_OK || cli_usage ("%s", err.text) == 0;
}

static crops
take_crops (const cli_options *o, const char *asked, const df_model *model, const df_request *r, const cli_data *set,
            int *status)
{
  crops c = { g_ptr_array_new_with_free_func (g_free), g_array_new (FALSE, FALSE, sizeof (int)) };
  guint n = set->pictures->len, count = o->limit > 0 ? MIN ((guint) o->limit, n) : n;

  *status = 0;
  for (guint i = 0; i < count && *status == 0; i++)
    {
      const df_picture *p    = &g_array_index (set->pictures, df_picture, (guint64) i * n / count);
      const char       *name = p->label >= 0 ? set->classes->pdata[p->label] : NULL;
      int               label;

      if (!find_label (asked, model, name, &label))
        *status = 2;
      else if (p->width < r->width || p->height < r->height)
        g_printerr ("diffusion-cli: skipped a picture of %d × %d: smaller than %d × %d\n", p->width, p->height, r->width,
                    r->height);
      else
        {
          g_ptr_array_add (c.pixels, centre_of (p, r));
          g_array_append_val (c.labels, label);
        }
    }
  if (*status == 0 && c.pixels->len == 0)
    *status = cli_fail ("%s holds no picture of at least %d × %d that can be read.", o->data, r->width, r->height);
  return c;
}

/* ------------------------------------------------------------------ measuring */

/* t of evaluation i: 0, then the middles of equal parts of 1 … T-1. */
static int
timestep_at (const bound *b, int i)
{
  return i == 0 ? 0 : 1 + (int) ((i - 0.5) * (b->T - 1) / (b->evaluations - 1));
}

static void
add_picture (bound *b, const df_bound_term *terms, double prior)
{
  b->prior += prior;
  for (size_t v = 0; v < G_N_ELEMENTS (variances); v++)
    {
      double total = prior;

      for (int i = 0; i < b->evaluations; i++)
        total += terms[i].bits[v] * (i == 0 ? 1.0 : b->share);
      b->total[v]   += total;
      b->squares[v] += total * total;
    }
  for (int i = 0; i < b->evaluations; i++)
    {
      df_bound_term *sum = &b->terms[i];

      sum->t      = terms[i].t;
      sum->error += terms[i].error;
      for (size_t v = 0; v < G_N_ELEMENTS (variances); v++)
        {
          sum->weight[v] = terms[i].weight[v];
          sum->bits[v]  += terms[i].bits[v];
        }
    }
  b->pictures++;
}

static void
show_progress (const bound *b, int i, guint pictures)
{
  if (isatty (STDERR_FILENO) && i % 10 == 0)
    g_printerr ("\rpicture %d of %u, %d of %d t ", b->pictures + 1, pictures, i, b->evaluations);
}

/* Sums become means. 0, or 1: told. */
static int
measure (const cli_options *o, df_session *session, const crops *c, gsize values, bound *b)
{
  df_bound_term *terms = g_new (df_bound_term, b->evaluations);
  df_status      status = DF_OK;
  df_error       err;

  for (guint p = 0; p < c->pixels->len && status == DF_OK; p++)
    {
      const float *x0 = c->pixels->pdata[p];

      for (int i = 0; i < b->evaluations && status == DF_OK; i++)
        {
          show_progress (b, i, c->pixels->len);
          status = df_likelihood_term (session, x0, &g_array_index (c->labels, int, p), timestep_at (b, i),
                                       (guint64) o->seed + p, NULL, &terms[i], &err);
        }
      if (status == DF_OK)
        add_picture (b, terms, df_likelihood_prior (session, x0, values));
    }
  g_free (terms);
  if (isatty (STDERR_FILENO))
    g_printerr ("\r%60s\r", "");
  if (status != DF_OK)
    return cli_fail ("%s", err.text);
  b->prior /= b->pictures;
  for (int i = 0; i < b->evaluations; i++)
    {
      b->terms[i].error /= b->pictures;
      for (size_t v = 0; v < G_N_ELEMENTS (variances); v++)
        b->terms[i].bits[v] /= b->pictures;
    }
  return 0;
}

/* Of the mean over pictures; 0 for one. */
static double
standard_error (const bound *b, size_t v)
{
  double n = b->pictures, mean = b->total[v] / n;

  return n > 1 ? sqrt (fmax (b->squares[v] / n - mean * mean, 0.0) / (n - 1)) : 0.0;
}

/* Σ L_{t-1} over all t ≥ 1. */
static double
sum_of_terms (const bound *b, size_t v)
{
  double sum = 0.0;

  for (int i = 1; i < b->evaluations; i++)
    sum += b->terms[i].bits[v];
  return sum * b->share;
}

/* ------------------------------------------------------------------ telling */

static yyjson_mut_val *
by_variance (yyjson_mut_doc *doc, const double *values)
{
  yyjson_mut_val *pair = yyjson_mut_obj (doc);

  for (size_t v = 0; v < G_N_ELEMENTS (variances); v++)
    yyjson_mut_obj_add_real (doc, pair, df_variance_word (variances[v]), values[v]);
  return pair;
}

static void
print_json (const cli_options *o, const df_request *r, int channels, const bound *b)
{
  yyjson_mut_doc *doc    = yyjson_mut_doc_new (NULL);
  yyjson_mut_val *root   = yyjson_mut_obj (doc), *terms;
  double          mean[] = { b->total[0] / b->pictures, b->total[1] / b->pictures };
  double          errors[] = { standard_error (b, 0), standard_error (b, 1) };
  char           *text;

  yyjson_mut_doc_set_root (doc, root);
  yyjson_mut_obj_add_int (doc, root, "pictures", b->pictures);
  yyjson_mut_obj_add_int (doc, root, "width", r->width);
  yyjson_mut_obj_add_int (doc, root, "height", r->height);
  yyjson_mut_obj_add_int (doc, root, "channels", channels);
  yyjson_mut_obj_add_int (doc, root, "seed", o->seed);
  yyjson_mut_obj_add_str (doc, root, "clip", df_clip_word (r->clip));
  yyjson_mut_obj_add_int (doc, root, "num_train_timesteps", b->T);
  yyjson_mut_obj_add_int (doc, root, "evaluated_timesteps", b->evaluations);
  yyjson_mut_obj_add_real (doc, root, "each_stands_for", b->share);
  yyjson_mut_obj_add_real (doc, root, "prior", b->prior);
  terms = yyjson_mut_obj_add_arr (doc, root, "terms");
  for (int i = 0; i < b->evaluations; i++)
    {
      const df_bound_term *term = &b->terms[i];
      yyjson_mut_val      *one  = yyjson_mut_arr_add_obj (doc, terms);

      yyjson_mut_obj_add_int (doc, one, "t", term->t);
      yyjson_mut_obj_add_real (doc, one, "error", term->error);
      if (i > 0)
        yyjson_mut_obj_add_val (doc, one, "weight", by_variance (doc, term->weight));
      yyjson_mut_obj_add_val (doc, one, "bits", by_variance (doc, term->bits));
    }
  yyjson_mut_obj_add_val (doc, root, "total", by_variance (doc, mean));
  yyjson_mut_obj_add_val (doc, root, "standard_error", by_variance (doc, errors));
  text = yyjson_mut_write (doc, YYJSON_WRITE_PRETTY | YYJSON_WRITE_INF_AND_NAN_AS_NULL, NULL);
  g_print ("%s\n", text);
  free (text);
  yyjson_mut_doc_free (doc);
}

static void
print_text (const cli_options *o, const df_request *r, int channels, const bound *b)
{
  g_print ("%d pictures of %d × %d × %d, %d of %d timesteps, clip %s, seed %d\n", b->pictures, r->width, r->height, channels,
           b->evaluations, b->T, df_clip_word (r->clip), (int) o->seed);
  g_print ("L in bits/dim; weight in nats, of the mean squared error of ε; reverse variance β̃ (%s) and β (%s)\n\n",
           df_variance_word (variances[0]), df_variance_word (variances[1]));
  g_print ("     t       error    weight, β̃         L, β̃     weight, β          L, β\n");
  for (int i = b->evaluations - 1; i > 0; i--)
    g_print ("%6d %11.6f %12.6f %12.8f %13.6f %13.8f\n", b->terms[i].t, b->terms[i].error, b->terms[i].weight[0],
             b->terms[i].bits[0], b->terms[i].weight[1], b->terms[i].bits[1]);
  g_print ("\n%-38s %12s %27s\n", "", "β̃", "β");
  g_print ("%-37s %12.8f %27.8f\n", "L_T", b->prior, b->prior);
  g_print ("sum of L_{t-1}, each times %-10.4g %12.8f %27.8f\n", b->share, sum_of_terms (b, 0), sum_of_terms (b, 1));
  g_print ("%-37s %12.8f %27.8f\n", "L_0, the decoder", b->terms[0].bits[0], b->terms[0].bits[1]);
  g_print ("%-37s %12.8f %27.8f\n", "the bound, bits/dim", b->total[0] / b->pictures, b->total[1] / b->pictures);
  g_print ("%-37s %12.8f %27.8f\n", "its standard error over pictures", standard_error (b, 0), standard_error (b, 1));
}

/* ------------------------------------------------------------------ the command */

static int
measure_on (const cli_options *o, const char *asked, const df_model *model, const df_request *r, const cli_data *set)
{
  const df_model_info *info = df_model_describe (model);
  int                  T = info->num_train_timesteps, n = o->evaluations > 0 ? o->evaluations : T, status;
  bound                b = { .evaluations = n, .T = T, .terms = g_new0 (df_bound_term, n),
                             .share = n > 1 ? (T - 1.0) / (n - 1.0) : 0.0 };
  crops                c = take_crops (o, asked, model, r, set, &status);
  df_session          *session = NULL;
  df_error             err;

  if (status == 0 && df_session_new (&session, model, r, &err) != DF_OK)
    status = err.status == DF_ERROR_ARGUMENT ? cli_usage ("%s", err.text) : cli_fail ("%s", err.text);
  if (status == 0)
    status = measure (o, session, &c, (gsize) r->width * r->height * info->channels, &b);
  if (status == 0)
    (o->json ? print_json : print_text) (o, r, info->channels, &b);
  df_session_free (session);
  g_ptr_array_unref (c.pixels);
  g_array_unref (c.labels);
  g_free (b.terms);
  return status;
}

static int
likelihood (cli_options *o, const df_model *model)
{
  int        T     = df_model_describe (model)->num_train_timesteps, status;
  char      *asked = g_strdup (o->class_name);
  df_request r;
  cli_data   set;

  cli_any_class (o, model);     /* pictures bring their own */
  if (o->evaluations > T || (o->evaluations == 1 && T > 1))
    status = cli_usage ("--timesteps must be from 2 to %d, or 0 for all; it is %d.", T, o->evaluations);
  else if (cli_request (o, model, FALSE, &r, &status))
    {
      r.guidance = 1.0;
      set        = cli_data_read (o->data, df_model_describe (model)->channels);
      status     = measure_on (o, asked, model, &r, &set);
      cli_data_clear (&set);
      cli_request_clear (&r);
    }
  g_free (asked);
  return status;
}

int
cli_likelihood (int argc, char **argv)
{
  cli_options o;
  df_model   *model  = NULL;
  int         status = 2;

  if (cli_parse (&o, "likelihood", "MODEL --data DIR [--limit N] [--timesteps N] [--json]", argc, argv, 1, 0))
    {
      if (o.data == NULL)
        status = cli_usage ("likelihood needs --data DIR.");
      else
        status = (model = cli_open_model (&o)) != NULL ? likelihood (&o, model) : 1;
    }
  df_model_close (model);
  cli_options_clear (&o);
  return status;
}
