/* SPDX-License-Identifier: GPL-3.0-or-later */
/* isa: every kernel once, in GCC's vector extensions, compiled for each instruction set with its own flags:
 * DF_TABLE is the name of the table, DF_LANES the floats in a register, DF_MR × DF_NV registers hold a tile.
 * The tile's shape only decides what is computed together, never the order of a sum. */
#include "kernels/kernels.h"
#include "kernels/vector.h"

#include <math.h>

#define DF_NR (DF_NV * DF_LANES)

/* ------------------------------------------------------------------ tile */

INLINE void
tile_finish (const df_tile *t, int m, vf acc[][DF_NV])
{
  UNROLL for (int i = 0; i < m; i++)
    UNROLL for (int v = 0; v < DF_NV; v++)
      {
        int at   = v * DF_LANES;
        int left = t->n - at;
        vf  x    = acc[i][v];

        if (left >= DF_LANES)
          {
            if (t->bias != NULL)
              x += load (t->bias + at);
            if (t->row != NULL)
              x += load (t->row[i] + at);
            if (t->residual != NULL)
              x += load (t->residual[i] + at);
            if (t->scale != 1.0f)
              x *= t->scale;
            store (t->c[i] + at, x);
          }
        else if (left > 0)
          {
            size_t n = (size_t) left;

            if (t->bias != NULL)
              x += load_part (t->bias + at, n);
            if (t->row != NULL)
              x += load_part (t->row[i] + at, n);
            if (t->residual != NULL)
              x += load_part (t->residual[i] + at, n);
            if (t->scale != 1.0f)
              x *= t->scale;
            store_part (t->c[i] + at, x, n);
          }
      }
}

INLINE void
tile_start (const df_tile *t, int m, vf acc[][DF_NV])
{
  UNROLL for (int i = 0; i < m; i++)
    UNROLL for (int v = 0; v < DF_NV; v++)
      {
        int left = t->n - v * DF_LANES;

        acc[i][v] = (vf) { 0 };
        if (t->add && left >= DF_LANES)
          acc[i][v] = load (t->c[i] + v * DF_LANES);
        else if (t->add && left > 0)
          acc[i][v] = load_part (t->c[i] + v * DF_LANES, (size_t) left);
      }
}

/* One line, into the second level: the first holds what is multiplied now. A whole row of nr floats may be two. */
INLINE void
fetch (const char *line, ptrdiff_t step)
{
  __builtin_prefetch (line, 0, 2);
  if (DF_NR > 16)
    __builtin_prefetch (line + step / 2, 0, 2);
}

INLINE void
tile_sum (const df_tile *t, int m, ptrdiff_t a_k, bool looks_ahead, vf acc[][DF_NV])
{
  const char *ahead = t->ahead.start;

  for (int s = 0; s < t->segs; s++)
    {
      const float *b = t->b + t->b_seg[s];
      const float *a[DF_MR];

      UNROLL for (int i = 0; i < m; i++)
        a[i] = t->a[i] + t->a_seg[s];
      for (ptrdiff_t k = 0; k < t->k; k++, b += t->b_k)
        {
          vf bv[DF_NV];

          UNROLL for (int v = 0; v < DF_NV; v++)
            bv[v] = load (b + v * DF_LANES);
          if (looks_ahead)
            {
              fetch (ahead, t->ahead.step);
              ahead += t->ahead.step;
            }
          UNROLL for (int i = 0; i < m; i++)
            {
              float x = a[i][k * a_k];

              UNROLL for (int v = 0; v < DF_NV; v++)
                acc[i][v] += x * bv[v];
            }
        }
    }
}

INLINE void
tile_rows (const df_tile *t, int m)
{
  vf acc[DF_MR][DF_NV];

  tile_start (t, m, acc);
  if (t->a_k != 1)
    tile_sum (t, m, t->a_k, false, acc);
  else if (t->ahead.start == NULL)
    tile_sum (t, m, 1, false, acc);
  else
    tile_sum (t, m, 1, true, acc);
  tile_finish (t, m, acc);
}

static void
tile (const df_tile *t)
{
  switch (t->m)
    {
    case 1: tile_rows (t, 1); break;
    case 2: tile_rows (t, 2); break;
    case 3: tile_rows (t, 3); break;
    case 4: tile_rows (t, 4); break;
#if DF_MR > 4
    case 5: tile_rows (t, 5); break;
    case 6: tile_rows (t, 6); break;
#endif
#if DF_MR > 6
    case 7: tile_rows (t, 7); break;
    case 8: tile_rows (t, 8); break;
    case 9: tile_rows (t, 9); break;
    case 10: tile_rows (t, 10); break;
    case 11: tile_rows (t, 11); break;
    case 12: tile_rows (t, 12); break;
    case 13: tile_rows (t, 13); break;
    case 14: tile_rows (t, 14); break;
#endif
    default: break;
    }
}

/* ------------------------------------------------------------------ product */

INLINE void
product_rows (int m, const float *a, size_t a_stride, const float *b, float *c, size_t c_stride, int k,
              bool looks_ahead, df_ahead ahead)
{
  vf acc[DF_MR][DF_NV];

  UNROLL for (int i = 0; i < m; i++)
    UNROLL for (int v = 0; v < DF_NV; v++)
      acc[i][v] = (vf) { 0 };
  for (int j = 0; j < k; j++, a++, b += DF_NR)
    {
      vf bv[DF_NV];

      UNROLL for (int v = 0; v < DF_NV; v++)
        bv[v] = load (b + v * DF_LANES);
      if (looks_ahead)
        {
          fetch (ahead.start, ahead.step);
          ahead.start += ahead.step;
        }
      UNROLL for (int i = 0; i < m; i++)
        UNROLL for (int v = 0; v < DF_NV; v++)
          acc[i][v] += a[(size_t) i * a_stride] * bv[v];
    }
  UNROLL for (int i = 0; i < m; i++)
    UNROLL for (int v = 0; v < DF_NV; v++)
      store (c + (size_t) i * c_stride + v * DF_LANES, acc[i][v]);
}

#define ROWS(m)                                                                                 \
  {                                                                                             \
    product_rows (m, a, a_stride, b, c, c_stride, k, looks_ahead, ahead);                       \
    rows -= m, a += m * a_stride, c += m * c_stride, ahead.start += k * ahead.step;             \
  }

/* What is left over goes in powers of two: a row's sum does not know its neighbours. */
INLINE void
product_all (const float *a, size_t a_stride, const float *b, float *c, size_t c_stride, size_t rows, int k,
             bool looks_ahead, df_ahead ahead)
{
  while (rows >= DF_MR)
    ROWS (DF_MR)
#if DF_MR > 8
  if (rows >= 8)
    ROWS (8)
#endif
#if DF_MR > 4
  if (rows >= 4)
    ROWS (4)
#endif
  if (rows >= 2)
    ROWS (2)
  if (rows >= 1)
    ROWS (1)
}

static void
product (const float *a, size_t a_stride, const float *b, float *c, size_t c_stride, size_t rows, int k,
         const float *next)
{
  ptrdiff_t calls = (ptrdiff_t) (rows / DF_MR) + __builtin_popcountll (rows % DF_MR);

  if (calls > DF_FEW)
    product_all (a, a_stride, b, c, c_stride, rows, k, false, (df_ahead) { NULL, 0 });
  else
    product_all (a, a_stride, b, c, c_stride, rows, k, true,
                 (df_ahead) { (const char *) next, DF_NR * (ptrdiff_t) sizeof *b / calls });
}

/* ------------------------------------------------------------------ exp, SiLU */

/* e^x for x ≤ 88, 0 below -87: x = n·ln 2 + r, |r| ≤ ln 2 / 2, Taylor to r⁷ (relative error < 2e-7). */
INLINE vf
exp_v (vf x)
{
  const vf magic = (vf) { 0 } + 12582912.0f;   /* 1.5·2^23: adding it rounds to an integer */
  vi       low   = x < -87.0f;
  vf       n, r, p;
  vi       bits;

  x    = (vf) (((vi) x & ~low) | ((vi) ((vf) { 0 } - 87.0f) & low));
  low  = x > 88.0f;
  x    = (vf) (((vi) x & ~low) | ((vi) ((vf) { 0 } + 88.0f) & low));
  n    = (x * 1.44269504088896341f + magic) - magic;
  r    = x - n * 0.693145751953125f - n * 1.428606765330187e-06f;
  p    = (vf) { 0 } + 1.98412698e-4f;
  p    = p * r + 1.38888889e-3f;
  p    = p * r + 8.33333333e-3f;
  p    = p * r + 4.16666667e-2f;
  p    = p * r + 1.66666667e-1f;
  p    = p * r + 0.5f;
  p    = p * r + 1.0f;
  p    = p * r + 1.0f;
  bits = (__builtin_convertvector (n, vi) + 127) << 23;
  return p * (vf) bits;
}

INLINE vf
sigmoid_v (vf x)
{
  return 1.0f / (1.0f + exp_v (-x));
}

INLINE vf
silu_v (vf x)
{
  return x * sigmoid_v (x);
}

INLINE vf
silu_slope_v (vf x)
{
  vf s = sigmoid_v (x);

  return s * (1.0f + x * (1.0f - s));
}

static void
silu (const float *x, float *y, size_t n)
{
  size_t i = 0;

  for (; i + DF_LANES <= n; i += DF_LANES)
    store (y + i, silu_v (load (x + i)));
  if (i < n)
    store_part (y + i, silu_v (load_part (x + i, n - i)), n - i);
}

static void
silu_back (const float *x, const float *dy, float *dx, size_t n, bool add)
{
  for (size_t i = 0; i < n; i += DF_LANES)
    {
      size_t part = n - i < DF_LANES ? n - i : DF_LANES;
      vf     d    = load_part (dy + i, part) * silu_slope_v (load_part (x + i, part));

      if (add)
        d += load_part (dx + i, part);
      store_part (dx + i, d, part);
    }
}

/* ------------------------------------------------------------------ GroupNorm */

#define SPAN   64   /* pixels of one float sum */
#define ACROSS 4    /* vectors side by side    */

/* Sums of `count` vectors of channels over few pixels, in float around a pivot (the first pixel), so that a large
 * mean costs no digits; then in double: Σx = Σd + n·p, Σx² = Σd² + 2p·Σd + n·p². */
INLINE void
sums_around (const float *x, size_t pixels, size_t stride, const float *pivot, int count, int part, double *s1,
             double *s2)
{
  vf p[ACROSS], a[ACROSS] = { { 0 } }, b[ACROSS] = { { 0 } };

  UNROLL for (int v = 0; v < count; v++)
    p[v] = load_channels (pivot + v * DF_LANES, part);
  for (size_t i = 0; i < pixels; i++)
    UNROLL for (int v = 0; v < count; v++)
      {
        vf d = load_channels (x + i * stride + v * DF_LANES, part) - p[v];

        a[v] += d;
        b[v] += d * d;
      }
  for (int v = 0; v < count; v++)
    for (int i = 0; i < part; i++)
      {
        double q = p[v][i], d = a[v][i], n = (double) pixels;

        s1[v * DF_LANES + i] += d + n * q;
        s2[v * DF_LANES + i] += b[v][i] + q * (2.0 * d + n * q);
      }
}

static void
norm_sums (const float *x, size_t pixels, int channels, double *s1, double *s2)
{
  size_t stride = (size_t) channels;

  for (size_t first = 0; first < pixels; first += SPAN)
    {
      const float *from  = x + first * stride;
      size_t       count = pixels - first < SPAN ? pixels - first : SPAN;
      int          c     = 0;

      for (; c + ACROSS * DF_LANES <= channels; c += ACROSS * DF_LANES)
        sums_around (from + c, count, stride, x + c, ACROSS, DF_LANES, s1 + c, s2 + c);
      for (; c + DF_LANES <= channels; c += DF_LANES)
        sums_around (from + c, count, stride, x + c, 1, DF_LANES, s1 + c, s2 + c);
      if (c < channels)
        sums_around (from + c, count, stride, x + c, 1, channels - c, s1 + c, s2 + c);
    }
}

INLINE vf
slope_times (vf x, vf dy, vf scale, vf shift, bool with_silu)
{
  return with_silu ? dy * silu_slope_v (x * scale + shift) : dy;
}

/* Σdz and Σdz·x of one vector of channels, as in sums_around: Σdz·x = Σdz·(x - p) + p·Σdz. */
INLINE void
back_sums_around (const float *x, const float *dy, size_t pixels, size_t stride, const float *pivot,
                  const float *scale, const float *shift, bool with_silu, int part, double *s1, double *s2)
{
  vf p  = load_channels (pivot, part), a = { 0 }, b = { 0 };
  vf sc = load_channels (scale, part), sh = load_channels (shift, part);

  for (size_t i = 0; i < pixels; i++)
    {
      vf v  = load_channels (x + i * stride, part);
      vf dz = slope_times (v, load_channels (dy + i * stride, part), sc, sh, with_silu);

      a += dz;
      b += dz * (v - p);
    }
  for (int i = 0; i < part; i++)
    {
      s1[i] += a[i];
      s2[i] += (double) b[i] + (double) p[i] * (double) a[i];
    }
}

static void
back_sums (const float *x, const float *dy, size_t pixels, int channels, const float *scale,
           const float *shift, bool with_silu, double *s1, double *s2)
{
  size_t stride = (size_t) channels;

  for (size_t first = 0; first < pixels; first += SPAN)
    {
      size_t at    = first * stride;
      size_t count = pixels - first < SPAN ? pixels - first : SPAN;
      int    c     = 0;

      for (; c + DF_LANES <= channels; c += DF_LANES)
        back_sums_around (x + at + c, dy + at + c, count, stride, x + c, scale + c, shift + c, with_silu, DF_LANES,
                          s1 + c, s2 + c);
      if (c < channels)
        back_sums_around (x + at + c, dy + at + c, count, stride, x + c, scale + c, shift + c, with_silu,
                          channels - c, s1 + c, s2 + c);
    }
}

static void
norm_apply (const float *x, float *y, size_t y_stride, size_t pixels, int channels, const float *scale,
            const float *shift, bool with_silu)
{
  for (size_t p = 0; p < pixels; p++)
    for (int c = 0; c < channels; c += DF_LANES)
      {
        int part = part_at (c, channels);
        vf  v    = load_channels (x + p * (size_t) channels + c, part) * load_channels (scale + c, part) +
                   load_channels (shift + c, part);

        store_channels (y + p * y_stride + c, with_silu ? silu_v (v) : v, part);
      }
}

static void
norm_back (const float *x, const float *dy, float *dx, size_t pixels, int channels, const float *scale,
           const float *shift, bool with_silu, const float *pc, const float *qc, const float *rc, bool add)
{
  for (size_t p = 0; p < pixels; p++)
    for (int c = 0; c < channels; c += DF_LANES)
      {
        int    part = part_at (c, channels);
        size_t at   = p * (size_t) channels + (size_t) c;
        vf     v    = load_channels (x + at, part);
        vf     d    = slope_times (v, load_channels (dy + at, part), load_channels (scale + c, part),
                                   load_channels (shift + c, part), with_silu);

        d = load_channels (pc + c, part) * d + load_channels (qc + c, part) * v +
            load_channels (rc + c, part);
        if (add)
          d += load_channels (dx + at, part);
        store_channels (dx + at, d, part);
      }
}

/* ------------------------------------------------------------------ rows and vectors */

static float
exp_row (float *x, size_t n, float scale)
{
  float  top = -INFINITY;
  vf     sum = { 0 };
  float  total = 0.0f;
  size_t i = 0;

  for (size_t j = 0; j < n; j++)
    top = x[j] > top ? x[j] : top;
  top *= scale;
  for (; i + DF_LANES <= n; i += DF_LANES)
    {
      vf e = exp_v (load (x + i) * scale - top);

      store (x + i, e);
      sum += e;
    }
  if (i < n)
    {
      vf e = exp_v (load_part (x + i, n - i) * scale - top);

      store_part (x + i, e, n - i);
      for (size_t j = 0; j < n - i; j++)
        sum[j] += e[j];
    }
  for (int l = 0; l < DF_LANES; l++)
    total += sum[l];
  return total;
}

static void
axpy (const float *x, float a, float *y, size_t n, bool add)
{
  size_t i = 0;

  for (; i + DF_LANES <= n; i += DF_LANES)
    store (y + i, add ? load (y + i) + a * load (x + i) : a * load (x + i));
  if (i < n)
    {
      vf v = load_part (x + i, n - i);

      store_part (y + i, add ? load_part (y + i, n - i) + a * v : a * v, n - i);
    }
}

static double
sum_squares (const float *x, size_t n)
{
  double s = 0.0;

  for (size_t i = 0; i < n; i++)
    s += (double) x[i] * (double) x[i];
  return s;
}

static void
adamw (const df_adamw *o, const float *grad, float *w, float *m1, float *m2, float *ema, size_t n)
{
  for (size_t i = 0; i < n; i++)
    {
      float g = grad[i] * o->grad_scale;

      m1[i]  = o->beta1 * m1[i] + (1.0f - o->beta1) * g;
      m2[i]  = o->beta2 * m2[i] + (1.0f - o->beta2) * g * g;
      w[i]  -= o->decay * w[i] +
               o->lr * (m1[i] * o->correct1) / (sqrtf (m2[i] * o->correct2) + o->eps);
      ema[i] = o->ema * ema[i] + (1.0f - o->ema) * w[i];
    }
}

extern const df_winograd DF_F2, DF_F4;
extern const df_kernels  DF_TABLE;
const df_kernels         DF_TABLE = {
  .mr = DF_MR, .nr = DF_NR, .f2 = &DF_F2, .f4 = &DF_F4, .tile = tile, .product = product, .silu = silu, .silu_back = silu_back, .norm_sums = norm_sums,
  .back_sums = back_sums, .norm_apply = norm_apply, .norm_back = norm_back, .exp_row = exp_row,
  .axpy = axpy, .sum_squares = sum_squares, .adamw = adamw,
};
