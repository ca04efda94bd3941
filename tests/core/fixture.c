/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include "base/alloc.h"
#include "kernels/kernels.h"

#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t
fixture_in_use (void)
{
  return mallinfo2 ().uordblks;
}

double
fixture_uniform (fixture_rng *rng)
{
  rng->state = rng->state * 6364136223846793005u + 1442695040888963407u;
  return (double) (rng->state >> 33) / 1073741824.0 - 1.0;
}

float *
fixture_floats (fixture_rng *rng, size_t n, double amplitude)
{
  float *x = df_alloc (n + DF_SLACK, sizeof *x);

  for (size_t i = 0; i < n; i++)
    x[i] = (float) (amplitude * fixture_uniform (rng));
  return x;
}

double *
fixture_doubles (const float *x, size_t n)
{
  double *y = df_alloc (n, sizeof *y);

  for (size_t i = 0; i < n; i++)
    y[i] = x[i];
  return y;
}

double
fixture_error (const float *a, const double *b, size_t n)
{
  double worst = 0.0, square = 0.0;

  for (size_t i = 0; i < n; i++)
    {
      double d = fabs ((double) a[i] - b[i]);

      if (!isfinite (d))
        return INFINITY;
      worst   = d > worst ? d : worst;
      square += b[i] * b[i] / (double) n;
    }
  return square > 0.0 ? worst / sqrt (square) : worst;
}

static void
to_hwio (const df_param *p, const float *from, float *to)
{
  int k = p->kernel;

  for (int o = 0; o < p->out; o++)
    for (int i = 0; i < p->in; i++)
      for (int y = 0; y < k; y++)
        for (int x = 0; x < k; x++)
          to[((y * k + x) * p->in + i) * p->out + o] = from[((o * p->in + i) * k + y) * k + x];
}

fixture_params
fixture_params_new (const df_graph *graph, fixture_rng *rng)
{
  size_t         n = (size_t) graph->num_params;
  fixture_params f = { graph->num_params, df_alloc (n, sizeof (float *)), df_alloc (n, sizeof (float *)),
                       df_alloc (n, sizeof (float *)), df_alloc (n, sizeof (double *)) };

  for (int i = 0; i < f.count; i++)
    {
      const df_param *p   = &graph->params[i];
      double          fan = p->kind == DF_PARAM_CONV ? p->in * p->kernel * p->kernel : 1.0;
      double          amplitude = p->kind == DF_PARAM_CONV ? sqrt (3.0 / fan) : 0.3;

      f.as_file[i] = fixture_floats (rng, p->count, amplitude);
      for (size_t j = 0; p->init == DF_INIT_ONE && j < p->count; j++)
        f.as_file[i][j] += 1.0f;
      f.hwio[i]    = df_alloc (p->count + DF_SLACK, sizeof (float));
      f.grads[i]   = df_alloc (p->count + DF_SLACK, sizeof (float));
      f.doubles[i] = fixture_doubles (f.as_file[i], p->count);
      if (p->kind == DF_PARAM_CONV)
        to_hwio (p, f.as_file[i], f.hwio[i]);
      else
        memcpy (f.hwio[i], f.as_file[i], p->count * sizeof (float));
    }
  return f;
}

void
fixture_params_free (fixture_params *params)
{
  for (int i = 0; i < params->count; i++)
    {
      df_free (params->as_file[i]);
      df_free (params->hwio[i]);
      df_free (params->grads[i]);
      df_free (params->doubles[i]);
    }
  df_free (params->as_file);
  df_free (params->hwio);
  df_free (params->grads);
  df_free (params->doubles);
}

df_schedule
fixture_schedule (df_beta_schedule kind, bool zero_snr)
{
  df_scheduler_config config = { .num_train_timesteps = 1000, .beta_start = 1e-4, .beta_end = 0.02,
                                 .beta_schedule = kind, .rescale_betas_zero_snr = zero_snr };
  df_schedule         s;

  if (df_schedule_init (&s, &config, NULL) != DF_OK)
    abort ();
  return s;
}

df_transition
fixture_transition (const df_schedule *s, int t, int prev)
{
  return (df_transition) { .t = t, .prev = prev, .abar = df_schedule_abar (s, t), .abar_prev = df_schedule_abar (s, prev),
                           .last = prev < 0 };
}

df_unet_config
fixture_config (void)
{
  return (df_unet_config) {
    .sample_width = 8, .sample_height = 8, .in_channels = 3, .out_channels = 3, .freq_shift = 1, .levels = 2,
    .block_out_channels = { 8, 16 }, .layers_per_block = 1, .mid_block_scale_factor = 1, .add_attention = false,
    .downsample_padding = 1, .attention_head_dim = 8, .norm_num_groups = 4, .attn_norm_num_groups = 4,
    .norm_eps = 1e-5,
  };
}
