/* SPDX-License-Identifier: GPL-3.0-or-later */
/* request: what is asked for, checked against the model; the list of timesteps that follows from it. */
#ifndef DF_PROCESS_REQUEST_H
#define DF_PROCESS_REQUEST_H

#include "model/model.h"
#include "process/timesteps.h"

/* Every value within its range and fitting the model. Errors: ARGUMENT (which, and what is allowed). */
DF_CHECKED df_status df_request_check (const df_model *model, const df_request *request, df_error *err);
/* As the request says. Errors: ARGUMENT, MEMORY. */
DF_CHECKED df_status df_request_timesteps (const df_model *model, const df_request *request, df_timesteps *out,
                                           df_error *err);
/* Whether the run starts from the model's texton (df_request.texton). */
bool df_request_from_texton (const df_model *model, const df_request *request);
/* Rows of one network evaluation: twice the batch under guidance. */
int  df_request_rows (const df_model *model, const df_request *request);

#endif
