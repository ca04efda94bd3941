/* SPDX-License-Identifier: GPL-3.0-or-later */
/* winograd: see winograd.h. Tiles are numbered through the whole batch, row by row. Where there are many, a worker
 * takes BLOCK of them through all three stages, in memory of its own that stays in its cache; where there are few,
 * the workers share each stage, so that the weights are read once. Either way an element is the same sum over `in`.
 * Traps: a stride that is a multiple of 4096 bytes maps all positions to one set of the cache, hence PAD. */
#include "ops/winograd.h"

#include "ops/halo.h"

#include <string.h>

#define BLOCK   48    /* tiles of a worker's turn, at most                    */
#define SHARED  192   /* up to so many tiles the workers share the stages     */
#define PANELS  4     /* panels of a turn in the shared product               */
#define WEIGHTS 128   /* tiles that a turn of the weight gradient sums over   */
#define ROWS    8     /* rows of tiles (mr each) of a turn in that product    */
#define PAD     16

typedef struct wino
{
  const df_kernels  *k;
  const df_winograd *w;
  const df_conv     *conv;
  const df_conv_io  *io;
  bool               add;
  int                height, width;      /* of the output                     */
  int                tiles_x;
  size_t             image_tiles, tiles, block;
  size_t             out_stride;         /* floats of one row of sums         */
  size_t             v_position, s_position;
  const float       *zero;               /* a pixel beyond the edge           */
  float             *v, *s;              /* transformed input, sums           */
  size_t             per_worker;         /* floats between workers' v and s   */
  int                threads;
  /* weight gradient */
  const float       *dy;
  float             *du, *dw;
  size_t             first, count;       /* tiles of this turn                */
} wino;

static const df_winograd *
transforms (const df_kernels *k, df_conv_algo algo)
{
  return algo == DF_CONV_F2 ? k->f2 : k->f4;
}

/* ------------------------------------------------------------------ weights */

size_t
df_winograd_packed_floats (const df_kernels *k, df_conv_algo algo, int in, int out)
{
  int n = transforms (k, algo)->n;

  return (size_t) (n * n) * df_panels (k, out) * (size_t) k->nr * (size_t) in + DF_SLACK;
}

void
df_winograd_pack (const df_kernels *k, df_conv_algo algo, const float *w, df_conv_layout layout, int in, int out,
                  bool backward, float *packed)
{
  const df_winograd *f      = transforms (k, algo);
  int                rows   = backward ? out : in;    /* what is summed */
  int                cols   = backward ? in : out;
  size_t             stride = df_panels (k, cols) * (size_t) k->nr * (size_t) rows;

  for (size_t panel = 0; panel < df_panels (k, cols); panel++)
    for (int r = 0; r < rows; r++, packed += k->nr)
      {
        float g[9 * DF_MAX_NR];

        for (int tap = 0; tap < 9; tap++)
          for (int n = 0; n < k->nr; n++)
            {
              int col = (int) panel * k->nr + n;
              int o   = backward ? r : col, i = backward ? col : r, t = backward ? 8 - tap : tap;

              g[tap * k->nr + n] = col < cols ? w[o * layout.so + i * layout.si + t / 3 * layout.sy +
                                                  t % 3 * layout.sx] : 0.0f;
            }
        f->weights (g, k->nr, packed, stride);
      }
}

/* ------------------------------------------------------------------ geometry */

static wino
begin (const df_kernels *k, const df_conv *conv)
{
  wino j = { .k = k, .w = transforms (k, conv->algo), .conv = conv, .height = df_conv_out_height (conv),
             .width = df_conv_out_width (conv) };

  j.tiles_x     = (j.width + j.w->m - 1) / j.w->m;
  j.image_tiles = (size_t) j.tiles_x * (size_t) ((j.height + j.w->m - 1) / j.w->m);
  j.tiles       = j.image_tiles * (size_t) conv->batch;
  j.out_stride  = df_panels (k, conv->out) * (size_t) k->nr;
  return j;
}

/* Memory for `tiles` tiles: the space of v, then of s. */
static size_t
set_strides (wino *j, size_t tiles)
{
  j->v_position = tiles * (size_t) j->conv->in + PAD;
  j->s_position = tiles * j->out_stride + PAD;
  return (size_t) (j->w->n * j->w->n) * (j->v_position + j->s_position) + DF_SLACK;
}

static size_t
zero_floats (const df_conv *conv)
{
  return (size_t) (conv->in > conv->out ? conv->in : conv->out) + DF_SLACK;
}

static bool
is_shared (const wino *j)
{
  return j->tiles <= SHARED;
}

size_t
df_winograd_scratch (const df_kernels *k, const df_conv *conv, int threads)
{
  wino j = begin (k, conv);

  if (is_shared (&j))
    return zero_floats (conv) + set_strides (&j, j.tiles);
  return zero_floats (conv) + (size_t) threads * set_strides (&j, BLOCK);
}

/* Source index of output position i, -1 where it is beyond the edge. */
static int
source (const df_conv *conv, int i, int size, bool tile)
{
  return df_halo_index (conv->upsample ? DF_HALO_UPSAMPLE : DF_HALO_PLAIN, i + 1, 1, size, tile);
}

/* v[·][row] of one tile of x. */
static void
transform_input (const wino *j, const float *x, size_t tile, float *v)
{
  const df_conv *c     = j->conv;
  int            n     = j->w->n, m = j->w->m;
  size_t         image = tile / j->image_tiles, at = tile % j->image_tiles;
  int            y0    = (int) at / j->tiles_x * m - 1, x0 = (int) at % j->tiles_x * m - 1;
  const float   *pixels[36];
  int            columns[6];

  x += image * (size_t) c->height * (size_t) c->width * (size_t) c->in;
  for (int i = 0; i < n; i++)
    columns[i] = source (c, x0 + i, c->width, c->tile_x);
  for (int i = 0; i < n; i++)
    {
      int          row  = source (c, y0 + i, c->height, c->tile_y);
      const float *line = x + (size_t) (row < 0 ? 0 : row) * (size_t) c->width * (size_t) c->in;

      for (int k = 0; k < n; k++)
        pixels[i * n + k] = row < 0 || columns[k] < 0 ? j->zero : line + (size_t) columns[k] * (size_t) c->in;
    }
  j->w->input (pixels, c->in, v, j->v_position);
}

/* Offset in floats of every pixel of an output tile, -1 beyond the picture. */
static void
output_pixels (const wino *j, size_t tile, ptrdiff_t *offsets)
{
  int    m     = j->w->m;
  size_t image = tile / j->image_tiles, at = tile % j->image_tiles;
  int    y0    = (int) at / j->tiles_x * m, x0 = (int) at % j->tiles_x * m;

  for (int i = 0; i < m * m; i++)
    {
      int y = y0 + i / m, x = x0 + i % m;

      offsets[i] = y >= j->height || x >= j->width ? -1 :
        (ptrdiff_t) (((image * (size_t) j->height + (size_t) y) * (size_t) j->width + (size_t) x) *
                     (size_t) j->conv->out);
    }
}

static void
transform_output (const wino *j, size_t tile, const float *s)
{
  const df_conv_io *io = j->io;
  ptrdiff_t         offsets[16];
  const float      *residual[16];
  float            *y[16];
  df_winograd_end   end = { .add = j->add, .bias = io->bias, .scale = io->scale, .y = y };

  output_pixels (j, tile, offsets);
  for (int i = 0; i < j->w->m * j->w->m; i++)
    {
      y[i] = offsets[i] < 0 ? NULL : io->y + offsets[i];
      if (io->residual != NULL)
        residual[i] = io->residual + (offsets[i] < 0 ? 0 : offsets[i]);
    }
  if (io->residual != NULL)
    end.residual = residual;
  if (io->row != NULL)
    end.row = io->row + tile / j->image_tiles * (size_t) j->conv->out;
  j->w->output (s, j->s_position, j->conv->out, &end);
}

/* s[position][tile][panels first … last) = v·u for `tiles` tiles; after them come the panels from `next` on, counted
 * through all positions as the weights lie in memory. */
static void
multiply (const wino *j, const float *v, float *s, size_t position, size_t first, size_t last, size_t tiles,
          size_t next)
{
  size_t       in = (size_t) j->conv->in, floats = (size_t) j->k->nr * in, panels = df_panels (j->k, j->conv->out);
  const float *u  = j->io->packed;

  for (size_t panel = first; panel < last; panel++)
    {
      size_t at = position * panels + panel;

      j->k->product (v + position * j->v_position, in, u + at * floats,
                     s + position * j->s_position + panel * (size_t) j->k->nr, j->out_stride, tiles, j->conv->in,
                     u + (panel + 1 < last ? at + 1 : next) * floats);
    }
}

/* ------------------------------------------------------------------ forward */

static void
block_turn (void *ctx, size_t block, int worker)
{
  const wino *j     = ctx;
  size_t      first = block * j->block, count = df_min_size (j->block, j->tiles - first);
  size_t      panels = df_panels (j->k, j->conv->out);
  float      *v     = j->v + (size_t) worker * j->per_worker, *s = j->s + (size_t) worker * j->per_worker;

  for (size_t i = 0; i < count; i++)
    transform_input (j, j->io->x, first + i, v + i * (size_t) j->conv->in);
  for (size_t p = 0; p < (size_t) (j->w->n * j->w->n); p++)
    multiply (j, v, s, p, 0, panels, count, (p + 1) * panels);
  for (size_t i = 0; i < count; i++)
    transform_output (j, first + i, s + i * j->out_stride);
}

static void
input_turn (void *ctx, size_t tile, int worker)
{
  const wino *j = ctx;

  (void) worker;
  transform_input (j, j->io->x, tile, j->v + tile * (size_t) j->conv->in);
}

static void
multiply_turn (void *ctx, size_t turn, int worker)
{
  const wino *j      = ctx;
  size_t      panels = df_panels (j->k, j->conv->out), groups = (panels + PANELS - 1) / PANELS;
  size_t      first  = turn % groups * PANELS;
  size_t      later  = turn + (size_t) j->threads;     /* most likely this worker's next turn */

  (void) worker;
  multiply (j, j->v, j->s, turn / groups, first, df_min_size (first + PANELS, panels), j->tiles,
            later / groups * panels + later % groups * PANELS);
}

static void
output_turn (void *ctx, size_t tile, int worker)
{
  const wino *j = ctx;

  (void) worker;
  transform_output (j, tile, j->s + tile * j->out_stride);
}

/* Tiles of a turn, whole rows of the product: those with which the last worker ends first, the larger of equals. */
static size_t
even_block (const wino *j)
{
  size_t mr = (size_t) j->k->mr, threads = (size_t) j->threads, best = 0, least = 0;

  for (size_t block = BLOCK / mr * mr; block >= BLOCK / 2; block -= mr)
    {
      size_t whole = (j->tiles - 1) / block;      /* turns before the last one */
      size_t end   = whole / threads * block + (whole % threads == 0 ? j->tiles - whole * block : block);

      if (best == 0 || end < least)
        best = block, least = end;
    }
  return best;
}

void
df_winograd_forward (const df_ops *ops, const df_conv *conv, const df_conv_io *io, bool add)
{
  wino   j      = begin (ops->k, conv);
  size_t groups = (df_panels (ops->k, conv->out) + PANELS - 1) / PANELS;
  size_t n2     = (size_t) (j.w->n * j.w->n);

  j.io         = io;
  j.add        = add;
  j.threads    = df_pool_threads (ops->pool);
  j.zero       = ops->scratch;
  j.v          = ops->scratch + zero_floats (conv);
  j.per_worker = set_strides (&j, is_shared (&j) ? j.tiles : BLOCK);
  j.s          = j.v + n2 * j.v_position;
  memset (ops->scratch, 0, zero_floats (conv) * sizeof (float));
  if (!is_shared (&j))
    {
      j.block = even_block (&j);
      df_pool_run (ops->pool, (j.tiles + j.block - 1) / j.block, block_turn, &j);
      return;
    }
  df_pool_run (ops->pool, j.tiles, input_turn, &j);
  df_pool_run (ops->pool, n2 * groups, multiply_turn, &j);
  df_pool_run (ops->pool, j.tiles, output_turn, &j);
}

/* ------------------------------------------------------------------ gradient by the weights */

/* du[p] = Σ_tiles v[p]ᵀ·s[p], with s the spread dy: the transpose of forward. dw = Gᵀ du G. */
static size_t
du_floats (const wino *j)
{
  return (size_t) (j->w->n * j->w->n) * (size_t) j->conv->in * j->out_stride;
}

size_t
df_winograd_weights_scratch (const df_kernels *k, const df_conv *conv)
{
  wino j = begin (k, conv);

  return zero_floats (conv) + set_strides (&j, df_min_size (WEIGHTS, j.tiles)) + du_floats (&j) + DF_SLACK;
}

static void
gradient_input_turn (void *ctx, size_t turn, int worker)
{
  const wino  *j = ctx;
  size_t       i = turn / 2, tile = j->first + i;
  ptrdiff_t    offsets[16];
  const float *pixels[16];

  (void) worker;
  if (turn % 2 == 0)
    {
      transform_input (j, j->io->x, tile, j->v + i * (size_t) j->conv->in);
      return;
    }
  output_pixels (j, tile, offsets);
  for (int p = 0; p < j->w->m * j->w->m; p++)
    pixels[p] = offsets[p] < 0 ? j->zero : j->dy + offsets[p];
  j->w->spread (pixels, j->conv->out, j->s + i * j->out_stride, j->s_position);
}

static size_t
row_groups (const wino *j)
{
  size_t rows = (size_t) (ROWS * j->k->mr);

  return ((size_t) j->conv->in + rows - 1) / rows;
}

static void
gradient_turn (void *ctx, size_t turn, int worker)
{
  static const ptrdiff_t none[1] = { 0 };
  const wino            *j     = ctx;
  const df_kernels      *k     = j->k;
  size_t                 panels = df_panels (k, j->conv->out), panel = turn % panels;
  size_t                 group = turn / panels % row_groups (j), position = turn / panels / row_groups (j);
  size_t                 in    = (size_t) j->conv->in, m0 = group * (size_t) (ROWS * k->mr);
  size_t                 m1    = df_min_size (in, m0 + (size_t) (ROWS * k->mr));
  const float           *a[DF_MAX_MR];
  float                 *c[DF_MAX_MR];
  df_tile t = { .n = k->nr, .segs = 1, .k = (int) j->count, .a = a, .a_seg = none, .a_k = (ptrdiff_t) in,
                .b = j->s + position * j->s_position + panel * (size_t) k->nr, .b_seg = none,
                .b_k = (ptrdiff_t) j->out_stride, .c = c, .add = j->first > 0, .scale = 1.0f };

  (void) worker;
  for (size_t m = m0; m < m1; m += (size_t) k->mr)
    {
      t.m = (int) df_min_size ((size_t) k->mr, m1 - m);
      for (int i = 0; i < t.m; i++)
        {
          a[i] = j->v + position * j->v_position + m + (size_t) i;
          c[i] = j->du + (position * in + m + (size_t) i) * j->out_stride + panel * (size_t) k->nr;
        }
      k->tile (&t);
    }
}

static void
gradient_output_turn (void *ctx, size_t row, int worker)
{
  const wino *j  = ctx;
  size_t      in = (size_t) j->conv->in, out = (size_t) j->conv->out;

  (void) worker;
  j->w->weights_back (j->du + row * j->out_stride, in * j->out_stride, j->conv->out, j->dw + row * out, in * out,
                      j->add);
}

void
df_winograd_back_weights (const df_ops *ops, const df_conv *conv, const float *x, const float *dy, float *dw, bool add)
{
  df_conv_io io = { .x = x };
  wino       j  = begin (ops->k, conv);
  size_t     n2 = (size_t) (j.w->n * j.w->n);

  j.io   = &io;
  j.dy   = dy;
  j.dw   = dw;
  j.add  = add;
  j.zero = ops->scratch;
  j.v    = ops->scratch + zero_floats (conv);
  j.du   = j.v + set_strides (&j, df_min_size (WEIGHTS, j.tiles));
  j.s    = j.v + n2 * j.v_position;
  memset (ops->scratch, 0, zero_floats (conv) * sizeof (float));
  for (j.first = 0; j.first < j.tiles; j.first += WEIGHTS)
    {
      j.count = df_min_size (WEIGHTS, j.tiles - j.first);
      df_pool_run (ops->pool, 2 * j.count, gradient_input_turn, &j);
      df_pool_run (ops->pool, n2 * row_groups (&j) * df_panels (j.k, conv->out), gradient_turn, &j);
    }
  df_pool_run (ops->pool, (size_t) conv->in, gradient_output_turn, &j);
}
