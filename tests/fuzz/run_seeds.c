/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the harness without a fuzz engine: every seed as it is, then damaged in a number of ways that are the same each
 * time. usage: run_seeds ROUNDS SEED… */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size);

static uint64_t state;

static size_t
below (size_t n)
{
  state = state * 6364136223846793005u + 1442695040888963407u;
  return n > 0 ? (size_t) (state >> 33) % n : 0;
}

/* In a block of exactly that size, so that a sanitizer sees every byte too many. */
static void
run (const uint8_t *bytes, size_t size)
{
  uint8_t *exact = malloc (size > 0 ? size : 1);

  memcpy (exact, bytes, size);
  LLVMFuzzerTestOneInput (exact, size);
  free (exact);
}

/* One change; the room is twice the size. Returns the new size. */
static size_t
damage (uint8_t *bytes, size_t size)
{
  static const char likely[] = "0123456789-.eE[]{}\",:\\ntu\x00\x7f\x80\xff";
  size_t            at = below (size), n = below (size - at) % 16 + 1, to = below (size);

  switch (below (5))
    {
    case 0:
      bytes[at] ^= (uint8_t) (1u << below (8));
      return size;
    case 1:
      bytes[at] = (uint8_t) likely[below (sizeof likely - 1)];
      return size;
    case 2:   /* cut the end */
      return at;
    case 3:   /* take a piece out */
      n = n < size - at ? n : size - at;
      memmove (bytes + at, bytes + at + n, size - at - n);
      return size - n;
    default:  /* a piece of it again, elsewhere */
      n = n < size - at ? n : size - at;
      memmove (bytes + to + n, bytes + to, size - to);
      memmove (bytes + to, bytes + (at >= to ? at + n : at), n);
      return size + n;
    }
}

static void
run_seed (const char *path, long rounds)
{
  static uint8_t seed[1 << 20], bytes[2 << 20];
  FILE          *file = fopen (path, "rb");
  size_t         size;

  if (file == NULL)
    {
      perror (path);
      exit (1);
    }
  size = fread (seed, 1, sizeof seed, file);
  fclose (file);
  run (seed, size);
  for (long round = 0; round < rounds; round++)
    {
      size_t n = size;

      memcpy (bytes, seed, size);
      for (size_t changes = below (4) + 1; changes > 0 && n > 0 && n < sizeof seed; changes--)
        n = damage (bytes, n);
      run (bytes, n);
    }
}

int
main (int argc, char **argv)
{
  long rounds = argc > 2 ? strtol (argv[1], NULL, 10) : -1;

  if (rounds < 0)
    {
      fprintf (stderr, "usage: run_seeds ROUNDS SEED...\n");
      return 1;
    }
  for (int i = 2; i < argc; i++)
    {
      state = (uint64_t) i;
      run_seed (argv[i], rounds);
    }
  printf ("%d seeds, %ld inputs\n", argc - 2, (argc - 2) * (rounds + 1));
  return 0;
}
