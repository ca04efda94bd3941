/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spots: a Gaussian texture as high-density shot noise of a texton: copies of it at random places, with random signs
 * (Galerne, Gousseau, Morel 2011). It has the mean and the autocovariance of the picture that the texton was made from,
 * and so its periods, over any distance that the texton covers, which no network of a limited field knows. At a noise level
 * at which little but these two can be seen, noising it is as good a start as noising the picture (q(x_t|x_0), Ho 2020,
 * eq. 4). Where the picture is a strict pattern, the copies take places that agree with each other. */
#ifndef DF_PROCESS_SPOTS_H
#define DF_PROCESS_SPOTS_H

#include "model/texton.h"

/* √ᾱ at which a run starts from spots: measured, models/README.md. */
#define DF_SPOTS_SQRT_ALPHA 0.23

/* out [batch,height,width,channels] for the canvas of the request (size, origin, tiled axes and their periods); row b is
 * that of seed + b. A tiled axis wraps; a strict pattern is stretched by up to 8 % so that it does. Errors: MEMORY. */
DF_CHECKED df_status df_spots (const df_texton *texton, const df_request *request, uint64_t seed, float *out, df_error *err);
/* Memory that it takes meanwhile. */
size_t               df_spots_bytes (const df_texton *texton, const df_request *request);

#endif
