/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main: diffusion-cli, the core without GIMP. Which subcommands there are; nothing else. */
#include "cli.h"

#include <locale.h>
#include <string.h>

static const struct
{
  const char *name;
  int       (*run) (int argc, char **argv);
  const char *says;
} commands[] = {
  { "info",    cli_info,    "MODEL [--size WxH] [--json]            what a model is and costs" },
  { "eps",     cli_eps,     "MODEL -i X.npy --t T -o EPS.npy        one network evaluation" },
  { "sample",  cli_sample,  "MODEL -o OUT [--size WxH] [--count N]  pictures from noise" },
  { "denoise", cli_denoise, "MODEL -i IN [--mask M.png] --t T -o OUT  from a noised picture" },
  { "noise",   cli_noise,   "MODEL -i IN --t T -o OUT               q(x_t|x_0) alone" },
  { "encode",  cli_encode,  "MODEL -i IN -o XT.npy                  DDIM encoding, from x_0 to x_T" },
  { "blend",   cli_blend,   "MODEL A.npy B.npy --weight W -o OUT    slerp of two x_T, decoded" },
  { "train",   cli_train,   "--data DIR --config FILE -o DIR        learn a model" },
  { "likelihood", cli_likelihood, "MODEL --data DIR [--limit N]       the bound, in bits/dim" },
  { "bench",   cli_bench,   "MODEL [--batch N] [--size WxH]         time of an evaluation" },
};

static void
print_help (void)
{
  g_print ("diffusion-cli " DF_VERSION ": DDPM and DDIM on pictures; there is no text prompt.\n\n");
  for (size_t i = 0; i < G_N_ELEMENTS (commands); i++)
    g_print ("  diffusion-cli %-10s %s\n", commands[i].name, commands[i].says);
  g_print ("\ndiffusion-cli COMMAND --help lists the options of a command.\n");
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  setlocale (LC_NUMERIC, "C");     /* numbers read the same everywhere */
  if (argc >= 2 && (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0))
    {
      print_help ();
      return 0;
    }
  for (size_t i = 0; argc >= 2 && i < G_N_ELEMENTS (commands); i++)
    if (strcmp (argv[1], commands[i].name) == 0)
      return commands[i].run (argc - 1, argv + 1);
  if (argc < 2)
    return cli_usage ("Name a command; diffusion-cli --help lists them.");
  return cli_usage ("There is no command \"%s\"; diffusion-cli --help lists them.", argv[1]);
}
