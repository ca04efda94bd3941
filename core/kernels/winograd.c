/* SPDX-License-Identifier: GPL-3.0-or-later */
/* winograd: the transforms of F(2×2, 3×3) and F(4×4, 3×3), compiled once per instruction set (see isa.c). A 2-D
 * transform is the 1-D one on columns, then on rows. Row i of Bᵀ holds the coefficients of Π_{k≠i} (x - p_k), row i of
 * G the powers of p_i over Π_{k≠i} (p_i - p_k), column i of Aᵀ the powers of p_i. Points ±5/8, ±3/2 instead of ±1, ±2
 * halve the rounding error of F(4, 3). */
#include "kernels/kernels.h"
#include "kernels/vector.h"

#define A  0.625f           /* the two points, and their powers */
#define B  1.5f
#define AA (A * A)
#define BB (B * B)
#define MAX_N 6
#define MAX_M 4

/* ------------------------------------------------------------------ one dimension */

INLINE void
input_1d (int n, vf *d)
{
  if (n == 4)
    {
      vf d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3];

      d[0] = d0 - d2;
      d[1] = d1 + d2;
      d[2] = d2 - d1;
      d[3] = d3 - d1;
    }
  else
    {
      vf even_a = d[4] - BB * d[2], odd_a = A * (d[3] - BB * d[1]);
      vf even_b = d[4] - AA * d[2], odd_b = B * (d[3] - AA * d[1]);

      d[0] = AA * BB * d[0] - (AA + BB) * d[2] + d[4];
      d[5] = AA * BB * d[1] - (AA + BB) * d[3] + d[5];
      d[1] = even_a + odd_a;
      d[2] = even_a - odd_a;
      d[3] = even_b + odd_b;
      d[4] = even_b - odd_b;
    }
}

INLINE void
output_1d (int n, const vf *s, vf *y)
{
  vf even_a = s[1] + s[2], odd_a = s[1] - s[2];

  if (n == 4)
    {
      y[0] = s[0] + even_a;
      y[1] = odd_a + s[3];
    }
  else
    {
      vf even_b = s[3] + s[4], odd_b = s[3] - s[4];

      y[0] = s[0] + even_a + even_b;
      y[1] = A * odd_a + B * odd_b;
      y[2] = AA * even_a + BB * even_b;
      y[3] = A * AA * odd_a + B * BB * odd_b + s[5];
    }
}

INLINE void
spread_1d (int n, const vf *y, vf *s)
{
  s[0] = y[0];
  if (n == 4)
    {
      s[1] = y[0] + y[1];
      s[2] = y[0] - y[1];
      s[3] = y[1];
    }
  else
    {
      vf even_a = y[0] + AA * y[2], odd_a = A * y[1] + A * AA * y[3];
      vf even_b = y[0] + BB * y[2], odd_b = B * y[1] + B * BB * y[3];

      s[1] = even_a + odd_a;
      s[2] = even_a - odd_a;
      s[3] = even_b + odd_b;
      s[4] = even_b - odd_b;
      s[5] = y[3];
    }
}

#define N_0 (1.0f / (AA * BB))
#define N_A (0.5f / (AA * (AA - BB)))
#define N_B (0.5f / (BB * (BB - AA)))

static const float g4[6][3] = {
  { N_0, 0, 0 },
  { N_A, N_A * A, N_A * AA }, { N_A, -N_A * A, N_A * AA },
  { N_B, N_B * B, N_B * BB }, { N_B, -N_B * B, N_B * BB },
  { 0, 0, 1 },
};
static const float g2[4][3] = { { 1, 0, 0 }, { 0.5f, 0.5f, 0.5f }, { 0.5f, -0.5f, 0.5f }, { 0, 0, 1 } };

/* ------------------------------------------------------------------ two dimensions */

INLINE void
input_vector (int n, const float *const *d, int c, int part, float *v, size_t stride)
{
  vf t[MAX_N][MAX_N];

  UNROLL for (int x = 0; x < n; x++)
    {
      vf column[MAX_N];

      UNROLL for (int y = 0; y < n; y++)
        column[y] = load_channels (d[y * n + x] + c, part);
      input_1d (n, column);
      UNROLL for (int y = 0; y < n; y++)
        t[y][x] = column[y];
    }
  UNROLL for (int y = 0; y < n; y++)
    {
      input_1d (n, t[y]);
      UNROLL for (int x = 0; x < n; x++)
        store_channels (v + (size_t) (y * n + x) * stride + c, t[y][x], part);
    }
}

INLINE void
finish (const df_winograd_end *end, int pixel, int c, int part, vf y)
{
  if (end->y[pixel] == NULL)
    return;
  if (end->add)
    y += load_channels (end->y[pixel] + c, part);
  if (end->bias != NULL)
    y += load_channels (end->bias + c, part);
  if (end->row != NULL)
    y += load_channels (end->row + c, part);
  if (end->residual != NULL)
    y += load_channels (end->residual[pixel] + c, part);
  if (end->scale != 1.0f)
    y *= end->scale;
  store_channels (end->y[pixel] + c, y, part);
}

INLINE void
output_vector (int n, const float *s, size_t stride, int c, int part, const df_winograd_end *end)
{
  int m = n - 2;
  vf t[MAX_M][MAX_N], row[MAX_M];

  UNROLL for (int x = 0; x < n; x++)
    {
      vf column[MAX_N], out[MAX_M];

      UNROLL for (int y = 0; y < n; y++)
        column[y] = load_channels (s + (size_t) (y * n + x) * stride + c, part);
      output_1d (n, column, out);
      UNROLL for (int y = 0; y < m; y++)
        t[y][x] = out[y];
    }
  UNROLL for (int y = 0; y < m; y++)
    {
      output_1d (n, t[y], row);
      UNROLL for (int x = 0; x < m; x++)
        finish (end, y * m + x, c, part, row[x]);
    }
}

INLINE void
spread_vector (int n, const float *const *pixels, int c, int part, float *v, size_t stride)
{
  int m = n - 2;
  vf t[MAX_N][MAX_M], row[MAX_N];

  UNROLL for (int x = 0; x < m; x++)
    {
      vf column[MAX_M], out[MAX_N];

      UNROLL for (int y = 0; y < m; y++)
        column[y] = load_channels (pixels[y * m + x] + c, part);
      spread_1d (n, column, out);
      UNROLL for (int y = 0; y < n; y++)
        t[y][x] = out[y];
    }
  UNROLL for (int y = 0; y < n; y++)
    {
      spread_1d (n, t[y], row);
      UNROLL for (int x = 0; x < n; x++)
        store_channels (v + (size_t) (y * n + x) * stride + c, row[x], part);
    }
}

INLINE void
weights_vector (int n, const float (*g)[3], const float *w, int count, int c, int part, float *u, size_t stride)
{
  vf t[MAX_N][3];

  for (int y = 0; y < n; y++)
    for (int x = 0; x < 3; x++)
      t[y][x] = g[y][0] * load_channels (w + x * count + c, part) +
                g[y][1] * load_channels (w + (3 + x) * count + c, part) +
                g[y][2] * load_channels (w + (6 + x) * count + c, part);
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++)
      store_channels (u + (size_t) (y * n + x) * stride + c,
                      g[x][0] * t[y][0] + g[x][1] * t[y][1] + g[x][2] * t[y][2], part);
}

INLINE void
weights_back_vector (int n, const float (*g)[3], const float *u, size_t stride, int c, int part, float *w,
                     size_t w_stride, bool add)
{
  vf t[3][MAX_N];

  for (int x = 0; x < n; x++)
    for (int i = 0; i < 3; i++)
      {
        t[i][x] = (vf) { 0 };
        for (int y = 0; y < n; y++)
          t[i][x] += g[y][i] * load_channels (u + (size_t) (y * n + x) * stride + c, part);
      }
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      {
        float *to  = w + (size_t) (3 * i + j) * w_stride + c;
        vf     sum = { 0 };

        for (int x = 0; x < n; x++)
          sum += g[x][j] * t[i][x];
        store_channels (to, add ? sum + load_channels (to, part) : sum, part);
      }
}

/* ------------------------------------------------------------------ tables */

/* The call for every whole vector of `count` channels, then for the rest. */
#define EACH_VECTOR(count, call)                                    \
  {                                                                 \
    int c = 0;                                                      \
                                                                    \
    for (const int part = DF_LANES; c + part <= (count); c += part) \
      call;                                                         \
    if (c < (count))                                                \
      {                                                             \
        const int part = (count) - c;                               \
                                                                    \
        call;                                                       \
      }                                                             \
  }

#define TABLE(name, M, N, G)                                                                                     \
  static void input_##M (const float *const *d, int channels, float *v, size_t stride)                           \
  EACH_VECTOR (channels, input_vector (N, d, c, part, v, stride))                                                \
  static void output_##M (const float *s, size_t stride, int channels, const df_winograd_end *end)               \
  EACH_VECTOR (channels, output_vector (N, s, stride, c, part, end))                                             \
  static void spread_##M (const float *const *y, int channels, float *v, size_t stride)                          \
  EACH_VECTOR (channels, spread_vector (N, y, c, part, v, stride))                                               \
  static void weights_##M (const float *g, int count, float *u, size_t stride)                                   \
  EACH_VECTOR (count, weights_vector (N, G, g, count, c, part, u, stride))                                       \
  static void weights_back_##M (const float *u, size_t stride, int count, float *g, size_t g_stride, bool add)   \
  EACH_VECTOR (count, weights_back_vector (N, G, u, stride, c, part, g, g_stride, add))                          \
  extern const df_winograd name;                                                                                 \
  const df_winograd        name = { M, N, input_##M, output_##M, spread_##M, weights_##M, weights_back_##M };

TABLE (DF_F2, 2, 4, g2)
TABLE (DF_F4, 4, 6, g4)
