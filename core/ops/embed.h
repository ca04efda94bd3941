/* SPDX-License-Identifier: GPL-3.0-or-later */
/* embed: the sinusoidal embedding of t (diffusers embeddings.py get_timestep_embedding; core.md C5) and the
 * table of class embeddings. */
#ifndef DF_OPS_EMBED_H
#define DF_OPS_EMBED_H

#include <stdbool.h>
#include <stddef.h>

/* out [batch,channels]: [sin | cos] of t·exp(-ln 10⁴·i/(half - shift)), halves swapped if flip. float32 angles, as
 * torch computes them: part of matching the reference. channels is even. */
void df_time_embedding (const double *t, int batch, int channels, double shift, bool flip, float *out);

/* y[n] = x[n] + table[labels[n]]. */
void df_class_embedding          (const float *x, const float *table, const int *labels, int batch, int channels,
                                  float *y);
/* dtable (+)= rows of dy. rows: classes in the table. */
void df_class_embedding_backward (const float *dy, const int *labels, int batch, int channels, int rows,
                                  float *dtable, bool add);

#endif
