/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rng: see rng.h. ln, sin and cos are polynomials of our own in double, compiled without FMA, so that the noise is the
 * same bits everywhere; the result is rounded to float once. */
#include "base/rng.h"

#include <math.h>
#include <string.h>
#include <Random123/philox.h>

#define KEY_WORD 0x67646e31u   /* "gdn1" */

/* ln u for 0 < u < 1: u = m·2^e with √½ ≤ m < √2, ln m = 2·atanh ((m-1)/(m+1)). Error below 1e-14. */
static double
own_log (double u)
{
  int    e;
  double m = frexp (u, &e), s, q, sum = 0.0;

  if (m < 0.70710678118654752440)
    {
      m *= 2.0;
      e--;
    }
  s = (m - 1.0) / (m + 1.0);
  q = s * s;
  for (int k = 19; k >= 1; k -= 2)
    sum = sum * q + 1.0 / k;
  return 2.0 * s * sum + e * 0.69314718055994530942;
}

/* sin and cos of 2πu for 0 < u < 1: the nearest quarter turn is taken off, the rest is a Taylor series. */
static void
own_sincos (double u, double *sine, double *cosine)
{
  int    quarter = (int) (4.0 * u + 0.5);
  double a = 6.28318530717958647693 * (u - 0.25 * quarter), q = a * a, s, c;

  s = a * (1.0 - q / 6.0 * (1.0 - q / 20.0 * (1.0 - q / 42.0 * (1.0 - q / 72.0 * (1.0 - q / 110.0 *
      (1.0 - q / 156.0 * (1.0 - q / 210.0)))))));
  c = 1.0 - q / 2.0 * (1.0 - q / 12.0 * (1.0 - q / 30.0 * (1.0 - q / 56.0 * (1.0 - q / 90.0 *
      (1.0 - q / 132.0 * (1.0 - q / 182.0))))));
  switch (quarter & 3)
    {
    case 0:  *sine = s;  *cosine = c;  break;
    case 1:  *sine = c;  *cosine = -s; break;
    case 2:  *sine = -s; *cosine = -c; break;
    default: *sine = -c; *cosine = s;  break;
    }
}

static void
box_muller (uint32_t w0, uint32_t w1, float out[2])
{
  double u0 = ((double) (w0 >> 9) + 0.5) * 0x1p-23, u1 = ((double) (w1 >> 9) + 0.5) * 0x1p-23;
  double r  = sqrt (-2.0 * own_log (u0)), s, c;

  own_sincos (u1, &s, &c);
  out[0] = (float) (r * c);
  out[1] = (float) (r * s);
}

/* Two's complement, so that it may run over the end of int. */
static uint32_t
coordinate (int origin, int i, int period)
{
  int64_t at = (int64_t) origin + i;

  return (uint32_t) (period > 0 ? (at % period + period) % period : at);
}

void
df_noise_fill (const df_noise_field *field, int width, int height, int channels, float *out)
{
  philox4x32_key_t key = { { field->seed, KEY_WORD } };

  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      for (int c = 0; c < channels; c += 4)
        {
          philox4x32_ctr_t counter = { { coordinate (field->origin_x, x, field->period_x),
                                         coordinate (field->origin_y, y, field->period_y), field->transition,
                                         (uint32_t) (c / 4) } };
          philox4x32_ctr_t words = philox4x32 (counter, key);
          float            four[4];
          int              n = channels - c < 4 ? channels - c : 4;

          box_muller (words.v[0], words.v[1], four);
          box_muller (words.v[2], words.v[3], four + 2);
          memcpy (out, four, (size_t) n * sizeof *out);
          out += n;
        }
}

/* ------------------------------------------------------------------ torch's generator */

/* MT19937 (Matsumoto & Nishimura 1998). */
void
df_torch_seed (df_torch_rng *rng, uint64_t seed)
{
  memset (rng, 0, sizeof *rng);
  rng->state[0] = (uint32_t) seed;
  for (uint32_t i = 1; i < 624; i++)
    rng->state[i] = 1812433253u * (rng->state[i - 1] ^ rng->state[i - 1] >> 30) + i;
  rng->next = 624;
}

static uint32_t
next_word (df_torch_rng *rng)
{
  uint32_t w;

  if (rng->next == 624)
    {
      for (int i = 0; i < 624; i++)
        {
          uint32_t y = (rng->state[i] & 0x80000000u) | (rng->state[(i + 1) % 624] & 0x7fffffffu);

          rng->state[i] = rng->state[(i + 397) % 624] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
        }
      rng->next = 0;
    }
  w = rng->state[rng->next++];
  w ^= w >> 11;
  w ^= w << 7 & 0x9d2c5680u;
  w ^= w << 15 & 0xefc60000u;
  return w ^ w >> 18;
}

static float
uniform_24 (df_torch_rng *rng)
{
  return (float) (next_word (rng) & 0xffffffu) * 0x1p-24f;
}

static double
uniform_53 (df_torch_rng *rng)
{
  uint64_t high = next_word (rng);

  return (double) ((high << 32 | next_word (rng)) & 0x1fffffffffffffu) * 0x1p-53;
}

static void
normal_16 (float *x)
{
  for (int j = 0; j < 8; j++)
    {
      float r = sqrtf (-2.0f * logf (1.0f - x[j])), angle = 6.28318530717958647693f * x[j + 8];

      x[j]     = r * cosf (angle);
      x[j + 8] = r * sinf (angle);
    }
}

static double
normal_scalar (df_torch_rng *rng)
{
  double u1, r;

  if (rng->has_cached)
    {
      rng->has_cached = false;
      return rng->cached;
    }
  u1 = uniform_53 (rng);
  r  = sqrt (-2.0 * log1p (-uniform_53 (rng)));
  rng->cached     = r * sin (6.28318530717958647693 * u1);
  rng->has_cached = true;
  return r * cos (6.28318530717958647693 * u1);
}

void
df_torch_randn (df_torch_rng *rng, float *out, size_t n)
{
  if (n < 16)
    {
      for (size_t i = 0; i < n; i++)
        out[i] = (float) normal_scalar (rng);
      return;
    }
  for (size_t i = 0; i < n; i++)
    out[i] = uniform_24 (rng);
  for (size_t i = 0; i + 16 <= n; i += 16)
    normal_16 (out + i);
  if (n % 16 != 0)          /* the last 16 are drawn again, over values that are done already */
    {
      for (size_t i = n - 16; i < n; i++)
        out[i] = uniform_24 (rng);
      normal_16 (out + n - 16);
    }
}
