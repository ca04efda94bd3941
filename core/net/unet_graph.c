/* SPDX-License-Identifier: GPL-3.0-or-later */
/* unet_graph: UNet2DModel as a graph, block by block in the order of diffusers' forward pass (core.md §2.2), with
 * its module names, so that the two can be read side by side. Traps: x comes before the skip in a concat;
 * downsampled pictures are skips too; a resampling resnet resamples both branches after the first SiLU;
 * with scale_shift the embedding acts between norm2 and SiLU; SiLU of the embedding is the same in
 * every resnet, so it is computed once. */
#include "net/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct builder
{
  df_graph             *g;
  const df_unet_config *c;
  int                   emb;         /* SiLU of the time (and class) embedding */
  int                   skips[256];  /* stack of skip values                   */
  int                   num_skips;
  int                   block;       /* number of the one that is being built */
} builder;

static void
name_into (char *out, size_t size, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  vsnprintf (out, size, format, args);
  va_end (args);
}

static df_value
value_of (const builder *b, int value)
{
  return b->g->failed ? (df_value) { 1, 0, false } : b->g->values[value];
}

static int
add_vector (builder *b, const char *module, const char *leaf, int count, df_param_init init)
{
  df_param p = { .kind = DF_PARAM_VECTOR, .init = init, .dims = 1, .shape = { (size_t) count, 1, 1, 1 } };

  name_into (p.name, sizeof p.name, "%s.%s", module, leaf);
  return df_graph_param (b->g, &p);
}

static df_op
named (df_op_kind kind, const char *name, int in)
{
  df_op op = df_op_empty (kind);

  op.in[0] = in;
  name_into (op.name, sizeof op.name, "%s", name);
  return op;
}

/* Appends op with an output of those channels at that level. */
static int
emit (builder *b, df_op *op, int channels, int level, bool row)
{
  op->out   = df_graph_value (b->g, channels, level, row);
  op->block = b->block;
  df_graph_op (b->g, op);
  return op->out;
}

static int
same (builder *b, df_op *op)
{
  df_value in = value_of (b, op->in[0]);

  return emit (b, op, in.channels, in.level, in.row);
}

/* linear: stored [O,I]; else [O,I,k,k]. */
static int
conv (builder *b, const char *module, int x, int out, int kernel, int stride, bool linear, df_param_init init)
{
  df_value in = value_of (b, x);
  df_op    op = named (DF_OP_CONV, module, x);
  df_param p  = { .kind = DF_PARAM_CONV, .init = init, .dims = linear ? 2 : 4, .in = in.channels, .out = out,
                  .kernel = kernel,
                  .shape = { (size_t) out, (size_t) in.channels, (size_t) kernel, (size_t) kernel } };

  name_into (p.name, sizeof p.name, "%s.weight", module);
  op.weight  = df_graph_param (b->g, &p);
  op.bias    = add_vector (b, module, "bias", out, DF_INIT_ZERO);
  op.kernel  = kernel;
  op.stride  = stride;
  op.pad_end = stride == 2 && b->c->downsample_padding == 0;
  return emit (b, &op, out, in.level + (stride == 2 ? 1 : 0), in.row);
}

static int
norm (builder *b, const char *module, int x, int groups)
{
  df_op op = named (DF_OP_NORM, module, x);
  int   channels = value_of (b, x).channels;

  op.weight = add_vector (b, module, "weight", channels, DF_INIT_ONE);
  op.bias   = add_vector (b, module, "bias", channels, DF_INIT_ZERO);
  op.groups = groups;
  op.eps    = b->c->norm_eps;
  return same (b, &op);
}

static int
silu (builder *b, int x)
{
  df_op op = named (DF_OP_SILU, "silu", x);

  return same (b, &op);
}

static int
resample (builder *b, df_op_kind kind, int x)
{
  df_op    op = named (kind, kind == DF_OP_UPSAMPLE ? "upsample" : "avgpool", x);
  df_value in = value_of (b, x);

  return emit (b, &op, in.channels, in.level + (kind == DF_OP_UPSAMPLE ? -1 : 1), false);
}

static int
combine (builder *b, df_op_kind kind, const char *name, int x, int y, double scale)
{
  df_op op = named (kind, name, x);

  op.in[1] = y;
  op.scale = scale;
  return same (b, &op);
}

/* ------------------------------------------------------------------ blocks */

/* The block that made x is complete. */
static int
end_block (builder *b, int x)
{
  b->block++;
  return x;
}

/* ResnetBlock2D. sample: DF_OP_UPSAMPLE, DF_OP_AVGPOOL or DF_NONE. */
static int
resnet (builder *b, const char *module, int x, int out, int sample, double scale_factor)
{
  bool scale_shift = b->c->resnet_time_scale_shift == DF_TIME_SCALE_SHIFT;
  int  groups = b->c->norm_num_groups;
  char name[80];
  int  h, row, skip = x;

  name_into (name, sizeof name, "%s.norm1", module);
  h = silu (b, norm (b, name, x, groups));
  if (sample != DF_NONE)
    {
      h    = resample (b, (df_op_kind) sample, h);
      skip = resample (b, (df_op_kind) sample, skip);
    }
  name_into (name, sizeof name, "%s.time_emb_proj", module);
  row = conv (b, name, b->emb, scale_shift ? 2 * out : out, 1, 1, true, DF_INIT_FAN);
  name_into (name, sizeof name, "%s.conv1", module);
  h = conv (b, name, h, out, 3, 1, false, DF_INIT_FAN);
  if (!scale_shift)
    h = combine (b, DF_OP_ADD_ROW, module, h, row, 1.0);
  name_into (name, sizeof name, "%s.norm2", module);
  h = norm (b, name, h, groups);
  if (scale_shift)
    h = combine (b, DF_OP_SCALE_SHIFT, module, h, row, 1.0);
  h = silu (b, h);
  if (value_of (b, skip).channels != out)
    {
      name_into (name, sizeof name, "%s.conv_shortcut", module);
      skip = conv (b, name, skip, out, 1, 1, false, DF_INIT_FAN);
    }
  name_into (name, sizeof name, "%s.conv2", module);
  h = conv (b, name, h, out, 3, 1, false, DF_INIT_ZERO);
  return end_block (b, combine (b, DF_OP_ADD, module, h, skip, 1.0 / scale_factor));
}

/* Attention of one block; groups 0: no norm. */
static int
attention (builder *b, const char *module, int x, int groups, double scale_factor)
{
  int   channels = value_of (b, x).channels;
  int   dim      = b->c->attention_head_dim > 0 ? b->c->attention_head_dim : channels;
  df_op op       = named (DF_OP_ATTENTION, module, DF_NONE);
  char  name[80];
  int   h = x, out;

  op.heads = channels / dim > 0 ? channels / dim : 1;
  if (groups > 0)
    {
      name_into (name, sizeof name, "%s.group_norm", module);
      h = norm (b, name, x, groups);
    }
  for (int i = 0; i < 3; i++)
    {
      name_into (name, sizeof name, "%s.to_%c", module, "qkv"[i]);
      op.in[i] = conv (b, name, h, op.heads * dim, 1, 1, true, DF_INIT_FAN);
    }
  out = same (b, &op);
  name_into (name, sizeof name, "%s.to_out.0", module);
  out = conv (b, name, out, channels, 1, 1, true, DF_INIT_ZERO);
  return end_block (b, combine (b, DF_OP_ADD, module, out, x, 1.0 / scale_factor));
}

static void
push (builder *b, int value)
{
  if (b->num_skips < (int) (sizeof b->skips / sizeof *b->skips))
    b->skips[b->num_skips++] = value;
}

static int
down_blocks (builder *b, int x)
{
  const df_unet_config *c = b->c;
  char                  name[80];

  for (int i = 0; i < c->levels; i++)
    {
      for (int j = 0; j < c->layers_per_block; j++)
        {
          name_into (name, sizeof name, "down_blocks.%d.resnets.%d", i, j);
          x = resnet (b, name, x, c->block_out_channels[i], DF_NONE, 1.0);
          name_into (name, sizeof name, "down_blocks.%d.attentions.%d", i, j);
          if (c->down_attention[i])
            x = attention (b, name, x, c->norm_num_groups, 1.0);
          push (b, x);
        }
      if (i == c->levels - 1)
        break;
      if (c->down_resample[i] == DF_RESAMPLE_RESNET)
        {
          name_into (name, sizeof name, "down_blocks.%d.downsamplers.0", i);
          x = resnet (b, name, x, c->block_out_channels[i], DF_OP_AVGPOOL, 1.0);
        }
      else
        {
          name_into (name, sizeof name, "down_blocks.%d.downsamplers.0.conv", i);
          x = end_block (b, conv (b, name, x, c->block_out_channels[i], 3, 2, false, DF_INIT_FAN));
        }
      push (b, x);
    }
  return x;
}

/* Attention of the mid block: its norm follows attn_norm_num_groups; when that is null, diffusers takes
 * norm_num_groups with "default" time shift and no norm at all with "scale_shift". */
static int
mid_block (builder *b, int x)
{
  const df_unet_config *c        = b->c;
  int                   channels = c->block_out_channels[c->levels - 1];

  x = resnet (b, "mid_block.resnets.0", x, channels, DF_NONE, c->mid_block_scale_factor);
  if (c->add_attention)
    x = attention (b, "mid_block.attentions.0", x, c->attn_norm_num_groups, c->mid_block_scale_factor);
  return resnet (b, "mid_block.resnets.1", x, channels, DF_NONE, c->mid_block_scale_factor);
}

static int
up_blocks (builder *b, int x)
{
  const df_unet_config *c = b->c;
  char                  name[80];

  for (int i = 0; i < c->levels; i++)
    {
      int channels = c->block_out_channels[c->levels - 1 - i];

      for (int j = 0; j <= c->layers_per_block; j++)
        {
          df_op    cat  = named (DF_OP_CONCAT, "concat", x);
          df_value left = value_of (b, x);

          cat.in[1] = b->num_skips > 0 ? b->skips[--b->num_skips] : x;
          x = emit (b, &cat, left.channels + value_of (b, cat.in[1]).channels, left.level, false);
          name_into (name, sizeof name, "up_blocks.%d.resnets.%d", i, j);
          x = resnet (b, name, x, channels, DF_NONE, 1.0);
          name_into (name, sizeof name, "up_blocks.%d.attentions.%d", i, j);
          if (c->up_attention[i])
            x = attention (b, name, x, c->norm_num_groups, 1.0);
        }
      if (i == c->levels - 1)
        break;
      if (c->up_resample[i] == DF_RESAMPLE_RESNET)
        {
          name_into (name, sizeof name, "up_blocks.%d.upsamplers.0", i);
          x = resnet (b, name, x, channels, DF_OP_UPSAMPLE, 1.0);
        }
      else
        {
          name_into (name, sizeof name, "up_blocks.%d.upsamplers.0.conv", i);
          x = end_block (b, conv (b, name, resample (b, DF_OP_UPSAMPLE, x), channels, 3, 1, false, DF_INIT_FAN));
        }
    }
  return x;
}

static int
embedding (builder *b)
{
  const df_unet_config *c    = b->c;
  df_op                 time = named (DF_OP_TIME, "time_proj", DF_NONE);
  int                   wide = 4 * c->block_out_channels[0];
  int                   x;

  time.freq_shift = c->freq_shift;
  time.flip       = c->flip_sin_to_cos;
  x = emit (b, &time, c->block_out_channels[0], 0, true);
  x = conv (b, "time_embedding.linear_1", x, wide, 1, 1, true, DF_INIT_FAN);
  x = conv (b, "time_embedding.linear_2", silu (b, x), wide, 1, 1, true, DF_INIT_FAN);
  if (c->num_class_embeds > 0)
    {
      df_op    op = named (DF_OP_CLASS, "class_embedding", x);
      df_param p  = { .name = "class_embedding.weight", .kind = DF_PARAM_TABLE, .init = DF_INIT_NORMAL, .dims = 2,
                      .shape = { (size_t) c->num_class_embeds, (size_t) wide, 1, 1 } };

      op.weight = df_graph_param (b->g, &p);
      x = same (b, &op);
    }
  return silu (b, x);
}

df_status
df_graph_build (df_graph *out, const df_unet_config *config, df_error *err)
{
  builder b = { .g = out, .c = config };
  int     x;

  memset (out, 0, sizeof *out);
  x = out->input = df_graph_value (out, config->in_channels, 0, false);
  b.emb = embedding (&b);
  if (config->center_input_sample)
    {
      df_op op = named (DF_OP_CENTER, "center_input_sample", x);

      x = same (&b, &op);
    }
  x = end_block (&b, conv (&b, "conv_in", x, config->block_out_channels[0], 3, 1, false, DF_INIT_FAN));
  push (&b, x);
  x = up_blocks (&b, mid_block (&b, down_blocks (&b, x)));
  x = silu (&b, norm (&b, "conv_norm_out", x, config->norm_num_groups));
  out->output = conv (&b, "conv_out", x, config->out_channels, 3, 1, false, DF_INIT_ZERO);
  if (!out->failed)
    return DF_OK;
  df_graph_clear (out);
  return df_fail (err, DF_ERROR_MEMORY, "Out of memory while the network was laid out.");
}
