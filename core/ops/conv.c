/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conv: see conv.h. The three taps of a row are contiguous in the halo, so that a 3×3 sum is three segments
 * of 3·in terms. Traps: the gradient of stride 2 is a stride-1 convolution of dy with zeros between its pixels,
 * with border 1 (symmetric) or 2 (right and bottom only) before it. */
#include "ops/conv.h"

#include "ops/halo.h"
#include "ops/resample.h"
#include "ops/winograd.h"

#define BLOCK  84   /* output pixels of a tile: a multiple of every table's mr */
#define PANELS 4    /* weight panels of a tile where there are few blocks      */
#define SPREAD 4    /* panels whose sums bring the pixels of the next tile     */
#define MANY   64   /* so many blocks occupy all threads with whole pixels     */
#define DEPTH  128  /* pixels of one segment group in the weight gradient      */

/* ------------------------------------------------------------------ sizes and weights */

int
df_conv_out_height (const df_conv *conv)
{
  return conv->upsample ? 2 * conv->height : conv->height / conv->stride;
}

int
df_conv_out_width (const df_conv *conv)
{
  return conv->upsample ? 2 * conv->width : conv->width / conv->stride;
}

double
df_conv_flops (const df_conv *conv)
{
  return 2.0 * conv->batch * df_conv_out_height (conv) * df_conv_out_width (conv) * conv->kernel *
         conv->kernel * conv->in * conv->out;
}

/* F2 and F4 read 1.8 and 4 times the direct sum's weights, which pays where these stay in the cache, or where many
 * pixels share them. */
df_conv_algo
df_conv_choose (const df_kernels *k, const df_conv *conv)
{
  int    height  = df_conv_out_height (conv), width = df_conv_out_width (conv);
  int    side    = height < width ? height : width;
  double weights = (double) conv->in * conv->out;
  bool   cached  = weights < 20e3;

  if (conv->kernel != 3 || conv->stride != 1 || conv->in < 16 || side < 4)
    return DF_CONV_DIRECT;
  if (side < 6)
    return cached && conv->in >= 32 ? DF_CONV_F2 : DF_CONV_DIRECT;
  if (side < 12)
    return cached && side >= 8 ? DF_CONV_F4 : DF_CONV_F2;
  return side < 32 && weights > 200e3 ? DF_CONV_F2 : DF_CONV_F4;
}

df_conv_layout
df_conv_oihw (int in, int kernel)
{
  return (df_conv_layout) { (ptrdiff_t) in * kernel * kernel, kernel * kernel, kernel, 1 };
}

df_conv_layout
df_conv_hwio (int in, int out, int kernel)
{
  return (df_conv_layout) { 1, out, (ptrdiff_t) kernel * in * out, (ptrdiff_t) in * out };
}

size_t
df_conv_packed_floats (const df_kernels *k, df_conv_algo algo, int in, int out, int kernel)
{
  if (algo != DF_CONV_DIRECT)
    return df_winograd_packed_floats (k, algo, in, out);
  return df_panels (k, out) * (size_t) k->nr * (size_t) in * (size_t) (kernel * kernel) + DF_SLACK;
}

void
df_conv_pack (const df_kernels *k, df_conv_algo algo, const float *w, df_conv_layout layout, int in, int out,
              int kernel, bool backward, float *packed)
{
  int last = kernel - 1;
  int rows = backward ? out : in;    /* what is summed */
  int cols = backward ? in : out;

  if (algo != DF_CONV_DIRECT)
    {
      df_winograd_pack (k, algo, w, layout, in, out, backward, packed);
      return;
    }
  for (size_t panel = 0; panel < df_panels (k, cols); panel++)
    for (int ky = 0; ky < kernel; ky++)
      for (int kx = 0; kx < kernel; kx++)
        for (int r = 0; r < rows; r++)
          for (int n = 0; n < k->nr; n++, packed++)
            {
              int col = (int) panel * k->nr + n;
              int o   = backward ? r : col, i = backward ? col : r;
              int y   = backward ? last - ky : ky, x = backward ? last - kx : kx;

              *packed = col < cols ? w[o * layout.so + i * layout.si + y * layout.sy + x * layout.sx] : 0.0f;
            }
}

/* ------------------------------------------------------------------ the sum itself */

typedef struct conv_run
{
  const df_kernels *k;
  const float      *x;              /* with its border                      */
  size_t            image;          /* floats of one image of x             */
  int               row;            /* floats of one row of x               */
  int               step;           /* floats from one output to the next   */
  int               in, out, kernel, stride;
  int               first;          /* channels of x where there is an x2  */
  int               out_width;
  size_t            out_pixels;     /* of one image                         */
  size_t            blocks, groups; /* tiles of one image: pixels, channels */
  size_t            panels;         /* of one tile                          */
  size_t            later;          /* tiles until this worker's next one, most likely */
  const df_conv_io *io;
  bool              add;
} conv_run;

/* Where the rows of a block begin: in x, x2, y (of the panel that is summed) and in what is added. */
typedef struct block_rows
{
  const float *a[BLOCK], *a2[BLOCK], *row[BLOCK], *residual[BLOCK];
  float       *c[BLOCK];
} block_rows;

static void
point_rows (const conv_run *run, size_t image, size_t first, int count, size_t channel, block_rows *rows)
{
  const df_conv_io *io    = run->io;
  size_t            width = (size_t) run->out_width, y = first / width, x = first % width;
  size_t            at    = (image * run->out_pixels + first) * (size_t) run->out + channel;
  const float      *a2    = io->x2 == NULL ? NULL : io->x2 + (image * run->out_pixels + first) * (size_t) (run->in - run->first);

  for (int i = 0; i < count; i++, at += (size_t) run->out)
    {
      rows->a[i] = run->x + image * run->image + y * (size_t) (run->stride * run->row) + x * (size_t) run->step;
      rows->c[i] = io->y + at;
      if (io->x2 != NULL)
        rows->a2[i] = a2 + (size_t) i * (size_t) (run->in - run->first);
      if (io->row != NULL)
        rows->row[i] = io->row + image * (size_t) run->out + channel;
      if (io->residual != NULL)
        rows->residual[i] = io->residual + at;
      if (++x == width)
        x = 0, y++;
    }
}

static void
next_channels (const conv_run *run, int count, block_rows *rows)
{
  ptrdiff_t nr = run->k->nr;

  for (int i = 0; i < count; i++)
    {
      rows->c[i] += nr;
      if (run->io->row != NULL)
        rows->row[i] += nr;
      if (run->io->residual != NULL)
        rows->residual[i] += nr;
    }
}

/* What is read after row block m of a panel: its share of the next panel. */
static df_ahead
next_panel (const conv_run *run, size_t panel, size_t end, size_t tile, int m, int count)
{
  int       blocks = (count + run->k->mr - 1) / run->k->mr, terms = run->kernel * run->kernel * run->in;
  size_t    floats = (size_t) (terms * run->k->nr);
  size_t    next   = panel + 1 < end ? panel + 1 : (tile + run->later) % run->groups * run->panels;
  ptrdiff_t step   = run->k->nr * (ptrdiff_t) sizeof (float) / blocks;

  if (blocks > DF_FEW)
    return (df_ahead) { NULL, 0 };
  return (df_ahead) { (const char *) (run->io->packed + next * floats) + m / run->k->mr * terms * step, step };
}

/* Where a tile of a 1×1 has all panels, its pixels come from the memory and the weights from the cache: then the
 * rows of the first panels bring their share of the pixels of this worker's next tile, of x or x2, those of the
 * following panels its place in y. */
static df_ahead
next_pixels (const conv_run *run, const float *row, int channels, const float *y, size_t panel)
{
  size_t size = (size_t) run->k->mr * sizeof (float), tiles = run->later * BLOCK;
  size_t step = panel < SPREAD ? size / SPREAD : size * (size_t) run->out / (size_t) channels / SPREAD;

  if (panel < SPREAD)
    row += tiles * (size_t) channels;
  else
    row = y != NULL ? y + tiles * (size_t) run->out : NULL;
  if (panel >= 2 * SPREAD || row == NULL)
    return (df_ahead) { NULL, 0 };
  return (df_ahead) { (const char *) row + panel % SPREAD * (size_t) channels * step, (ptrdiff_t) step };
}

/* One tile of mr rows from m on; with two sources the sum goes on where the first one's ended. */
static void
sum_tile (const conv_run *run, const block_rows *rows, int m, int count, size_t panel, df_tile t)
{
  t.m        = count - m < run->k->mr ? count - m : run->k->mr;
  t.a        = rows->a + m;
  t.c        = rows->c + m;
  t.row      = run->io->row != NULL ? rows->row + m : NULL;
  t.residual = run->io->residual != NULL ? rows->residual + m : NULL;
  if (run->io->x2 != NULL)
    {
      df_tile part = t;

      part.k    = run->first;
      part.bias = NULL;
      part.row  = part.residual = NULL;
      part.scale = 1.0f;
      run->k->tile (&part);
      t.k     = run->in - run->first;
      t.a     = rows->a2 + m;
      t.b    += run->first * run->k->nr;
      t.add   = true;
      t.ahead = run->groups == 1 ? next_pixels (run, t.a[0], t.k, NULL, panel) : (df_ahead) { NULL, 0 };
    }
  run->k->tile (&t);
}

static void
conv_tile (void *ctx, size_t tile, int worker)
{
  const conv_run *run   = ctx;
  size_t          group = tile % run->groups;
  size_t          block = tile / run->groups % run->blocks;
  size_t          image = tile / run->groups / run->blocks;
  size_t          first = block * BLOCK;
  int             count = (int) df_min_size (BLOCK, run->out_pixels - first);
  int             taps  = run->kernel * run->in;        /* of one row of the kernel */
  size_t          end   = df_min_size ((group + 1) * run->panels, df_panels (run->k, run->out));
  ptrdiff_t       a_seg[3], b_seg[3];
  block_rows      rows;

  (void) worker;
  for (int ky = 0; ky < run->kernel; ky++)
    {
      a_seg[ky] = (ptrdiff_t) ky * run->row;
      b_seg[ky] = (ptrdiff_t) ky * taps * run->k->nr;
    }
  point_rows (run, image, first, count, group * run->panels * (size_t) run->k->nr, &rows);
  for (size_t panel = group * run->panels; panel < end; panel++, next_channels (run, count, &rows))
    {
      int     channel = (int) panel * run->k->nr;
      int     left    = run->out - channel;
      df_tile t = {
        .n = left < run->k->nr ? left : run->k->nr, .segs = run->kernel, .k = taps,
        .a_seg = a_seg, .a_k = 1, .b_seg = b_seg, .b_k = run->k->nr, .add = run->add,
        .b = run->io->packed + panel * (size_t) (run->kernel * taps * run->k->nr),
        .bias = run->io->bias != NULL ? run->io->bias + channel : NULL, .scale = run->io->scale,
      };

      for (int m = 0; m < count; m += run->k->mr)
        {
          if (run->kernel == 1 && run->groups == 1)
            t.ahead = next_pixels (run, rows.a[m], run->io->x2 != NULL ? run->first : run->in, rows.c[m] - channel, panel);
          else
            t.ahead = next_panel (run, panel, end, tile, m, count);
          sum_tile (run, &rows, m, count, panel, t);
        }
    }
}

static void
run_conv (const df_ops *ops, conv_run *run, int batch, int out_height)
{
  run->k          = ops->k;
  run->out_pixels = (size_t) out_height * (size_t) run->out_width;
  run->blocks     = (run->out_pixels + BLOCK - 1) / BLOCK;
  run->panels     = (size_t) batch * run->blocks >= MANY ? df_panels (ops->k, run->out) : PANELS;
  run->later      = (size_t) df_pool_threads (ops->pool);
  run->groups     = (df_panels (ops->k, run->out) + run->panels - 1) / run->panels;
  df_pool_run (ops->pool, (size_t) batch * run->blocks * run->groups, conv_tile, run);
}

/* ------------------------------------------------------------------ forward */

static df_halo
forward_halo (const df_conv *conv)
{
  bool end  = conv->stride == 2 && conv->pad_end;
  int  size = conv->upsample ? 2 : 1;

  return (df_halo) {
    .batch = conv->batch, .height = conv->height, .width = conv->width, .channels = conv->in,
    .kind = conv->upsample ? DF_HALO_UPSAMPLE : DF_HALO_PLAIN, .before = end ? 0 : 1,
    .padded_height = size * conv->height + (end ? 1 : 2),
    .padded_width = size * conv->width + (end ? 1 : 2),
    .tile_x = conv->tile_x, .tile_y = conv->tile_y,
  };
}

static size_t
direct_scratch (const df_conv *conv)
{
  df_halo halo = forward_halo (conv);

  return conv->kernel == 3 ? df_halo_floats (&halo) : 0;
}

size_t
df_conv_scratch (const df_kernels *k, const df_conv *conv, int threads)
{
  return conv->algo == DF_CONV_DIRECT ? direct_scratch (conv) : df_winograd_scratch (k, conv, threads);
}

/* x as the sum reads it: with its border in scratch (3×3), or as it is (1×1). */
static const float *
with_border (const df_ops *ops, const df_conv *conv, const float *x, conv_run *run)
{
  df_halo halo = forward_halo (conv);

  if (conv->kernel == 1)
    {
      halo.padded_height = conv->height;
      halo.padded_width  = conv->width;
    }
  run->row   = halo.padded_width * conv->in;
  run->image = (size_t) halo.padded_height * (size_t) run->row;
  run->step  = conv->stride * (conv->first > 0 ? conv->first : conv->in);
  if (conv->kernel == 1)
    return x;
  df_halo_fill (ops, &halo, x, ops->scratch);
  return ops->scratch;
}

void
df_conv_forward (const df_ops *ops, const df_conv *conv, const df_conv_io *io)
{
  conv_run run = { .in = conv->in, .out = conv->out, .kernel = conv->kernel, .stride = conv->stride,
                   .out_width = df_conv_out_width (conv), .io = io, .first = conv->first };

  if (conv->algo != DF_CONV_DIRECT)
    {
      df_winograd_forward (ops, conv, io, false);
      return;
    }
  run.x = with_border (ops, conv, io->x, &run);
  run_conv (ops, &run, conv->batch, df_conv_out_height (conv));
}

/* ------------------------------------------------------------------ gradient by x */

static df_halo
backward_halo (const df_conv *conv)
{
  return (df_halo) {
    .batch = conv->batch, .height = df_conv_out_height (conv), .width = df_conv_out_width (conv),
    .channels = conv->out, .kind = conv->stride == 2 ? DF_HALO_DILATE : DF_HALO_PLAIN,
    .before = conv->stride == 2 && conv->pad_end ? 2 : 1,
    .padded_height = df_conv_out_height (conv) * conv->stride + 2,
    .padded_width = df_conv_out_width (conv) * conv->stride + 2,
    .tile_x = conv->tile_x, .tile_y = conv->tile_y,
  };
}

/* The convolution of dy that gives the gradient by x, for Winograd's method. */
static df_conv
transposed (const df_conv *conv)
{
  return (df_conv) { .batch = conv->batch, .height = df_conv_out_height (conv), .width = df_conv_out_width (conv),
                     .in = conv->out, .out = conv->in, .kernel = 3, .stride = 1, .tile_x = conv->tile_x,
                     .tile_y = conv->tile_y, .algo = conv->algo };
}

/* Of dy with its border, or of the transforms. */
static size_t
back_data_scratch (const df_kernels *k, const df_conv *conv, int threads)
{
  df_halo halo = backward_halo (conv);
  df_conv back = transposed (conv);

  if (conv->algo != DF_CONV_DIRECT)
    return df_winograd_scratch (k, &back, threads);
  return conv->kernel == 3 ? df_halo_floats (&halo) : 0;
}

/* The gradient by the upsampled picture, before four pixels become one: behind what the sum itself needs. */
static size_t
upsampled_floats (const df_conv *conv)
{
  return conv->upsample ? 4 * (size_t) conv->batch * (size_t) conv->height * (size_t) conv->width *
                            (size_t) conv->in : 0;
}

size_t
df_conv_back_scratch (const df_kernels *k, const df_conv *conv, int threads)
{
  size_t data    = back_data_scratch (k, conv, threads) + upsampled_floats (conv);
  size_t weights = conv->algo == DF_CONV_DIRECT ? direct_scratch (conv) : df_winograd_weights_scratch (k, conv);

  return data > weights ? data : weights;
}

static void
direct_back_data (const df_ops *ops, const df_conv *conv, const float *dy, const df_conv_io *io, bool add)
{
  df_halo  halo = backward_halo (conv);
  conv_run run  = { .x = dy, .in = conv->out, .out = conv->in, .kernel = conv->kernel, .stride = 1, .io = io,
                    .add = add };

  run.out_width = conv->upsample ? 2 * conv->width : conv->width;
  if (conv->kernel == 1)
    {
      halo.padded_height = conv->height;
      halo.padded_width  = conv->width;
    }
  else
    {
      df_halo_fill (ops, &halo, dy, ops->scratch);
      run.x = ops->scratch;
    }
  run.row   = halo.padded_width * conv->out;
  run.image = (size_t) halo.padded_height * (size_t) run.row;
  run.step  = conv->out;
  run_conv (ops, &run, conv->batch, conv->upsample ? 2 * conv->height : conv->height);
}

void
df_conv_back_data (const df_ops *ops, const df_conv *conv, const float *dy, const float *packed, float *dx,
                   bool add)
{
  float     *large = ops->scratch + back_data_scratch (ops->k, conv, df_pool_threads (ops->pool));
  df_conv    back  = transposed (conv);
  df_conv_io io    = { .x = dy, .packed = packed, .scale = 1.0f, .y = conv->upsample ? large : dx };

  if (conv->algo == DF_CONV_DIRECT)
    direct_back_data (ops, conv, dy, &io, add && !conv->upsample);
  else
    df_winograd_forward (ops, &back, &io, add && !conv->upsample);
  if (conv->upsample)
    df_upsample_back (ops, &(df_image) { conv->batch, conv->height, conv->width, conv->in }, large, dx, add);
}

/* ------------------------------------------------------------------ gradient by the weights */

typedef struct weight_run
{
  const df_kernels *k;
  const float      *x, *dy;
  conv_run          geometry;
  int               batch, out_height;
  float            *dw;
  size_t            panels, groups;   /* groups of MR·8 rows of (kx, ci) */
  bool              add;
} weight_run;

#define GROUP_TILES 8

/* One segment group: `rows` rows from y0 and `cols` columns from x0 of one image, summed into the tiles
 * of (kx, ci) rows m0 … m1 of kernel row ky and of one panel of outputs. */
static void
weight_block (const weight_run *run, size_t image, int y0, int rows, int x0, int cols, int ky, int m0, int m1,
              size_t panel, bool add)
{
  const conv_run *g       = &run->geometry;
  int             channel = (int) panel * run->k->nr;
  int             left    = g->out - channel;
  ptrdiff_t       a_seg[DEPTH], b_seg[DEPTH];
  const float    *a[DF_MAX_MR];
  float          *c[DF_MAX_MR];
  df_tile t = { .n = left < run->k->nr ? left : run->k->nr, .segs = rows, .k = cols, .a = a, .a_seg = a_seg,
                .a_k = g->step, .b = run->dy + channel, .b_seg = b_seg, .b_k = g->out, .c = c, .add = add,
                .scale = 1.0f };

  for (int r = 0; r < rows; r++)
    {
      a_seg[r] = (ptrdiff_t) (image * g->image) + (ptrdiff_t) ((y0 + r) * g->stride + ky) * g->row +
                 (ptrdiff_t) x0 * g->step;
      b_seg[r] = (ptrdiff_t) ((image * g->out_pixels + (size_t) (y0 + r) * (size_t) g->out_width +
                               (size_t) x0) * (size_t) g->out);
    }
  for (int m = m0; m < m1; m += run->k->mr)
    {
      t.m = m1 - m < run->k->mr ? m1 - m : run->k->mr;
      for (int i = 0; i < t.m; i++)
        {
          a[i] = run->x + m + i;
          c[i] = run->dw + ((size_t) ky * (size_t) (g->kernel * g->in) + (size_t) (m + i)) * (size_t) g->out +
                 channel;
        }
      run->k->tile (&t);
    }
}

static void
weight_tile (void *ctx, size_t tile, int worker)
{
  const weight_run *run   = ctx;
  const conv_run   *g     = &run->geometry;
  size_t            panel = tile % run->panels;
  size_t            group = tile / run->panels % run->groups;
  int               ky    = (int) (tile / run->panels / run->groups);
  int               taps  = g->kernel * g->in;
  int               m0    = (int) group * GROUP_TILES * run->k->mr;
  int               m1    = (int) df_min_size ((size_t) taps, (size_t) (m0 + GROUP_TILES * run->k->mr));
  int               rows  = g->out_width >= DEPTH ? 1 : DEPTH / g->out_width;
  int               cols  = g->out_width >= DEPTH ? DEPTH : g->out_width;
  bool              add   = run->add;

  (void) worker;
  for (size_t image = 0; image < (size_t) run->batch; image++)
    for (int y = 0; y < run->out_height; y += rows)
      for (int x = 0; x < g->out_width; x += cols, add = true)
        weight_block (run, image, y, run->out_height - y < rows ? run->out_height - y : rows, x,
                      g->out_width - x < cols ? g->out_width - x : cols, ky, m0, m1, panel, add);
}

void
df_conv_back_weights (const df_ops *ops, const df_conv *conv, const float *x, const float *dy, float *dw,
                      bool add)
{
  weight_run run = { .k = ops->k, .dy = dy, .batch = conv->batch, .out_height = df_conv_out_height (conv),
                     .dw = dw, .panels = df_panels (ops->k, conv->out), .add = add };
  int        rows = conv->kernel * conv->in;

  if (conv->algo != DF_CONV_DIRECT)
    {
      df_winograd_back_weights (ops, conv, x, dy, dw, add);
      return;
    }
  run.geometry = (conv_run) { .in = conv->in, .out = conv->out, .kernel = conv->kernel,
                              .stride = conv->stride, .out_width = df_conv_out_width (conv) };
  run.geometry.out_pixels = (size_t) run.out_height * (size_t) run.geometry.out_width;
  run.x      = with_border (ops, conv, x, &run.geometry);
  run.groups = ((size_t) rows + (size_t) (GROUP_TILES * ops->k->mr) - 1) / (size_t) (GROUP_TILES * ops->k->mr);
  df_pool_run (ops->pool, run.panels * run.groups * (size_t) conv->kernel, weight_tile, &run);
}

/* ------------------------------------------------------------------ specification */

void
df_conv_reference (const df_conv *conv, const double *x, const double *w, const double *bias, double *y)
{
  int          height = df_conv_out_height (conv), width = df_conv_out_width (conv);
  int          k      = conv->kernel;
  int          before = k == 1 || (conv->stride == 2 && conv->pad_end) ? 0 : 1;
  df_halo_kind kind   = conv->upsample ? DF_HALO_UPSAMPLE : DF_HALO_PLAIN;

  for (int n = 0; n < conv->batch; n++)
    for (int oy = 0; oy < height; oy++)
      for (int ox = 0; ox < width; ox++)
        for (int o = 0; o < conv->out; o++, y++)
          {
            double sum = bias != NULL ? bias[o] : 0.0;

            for (int ky = 0; ky < k; ky++)
              for (int kx = 0; kx < k; kx++)
                {
                  int iy = df_halo_index (kind, oy * conv->stride + ky, before, conv->height, conv->tile_y);
                  int ix = df_halo_index (kind, ox * conv->stride + kx, before, conv->width, conv->tile_x);

                  for (int i = 0; iy >= 0 && ix >= 0 && i < conv->in; i++)
                    sum += x[(((size_t) n * conv->height + iy) * conv->width + ix) * conv->in + i] *
                           w[(((size_t) o * conv->in + i) * k + ky) * k + kx];
                }
            *y = sum;
          }
}
