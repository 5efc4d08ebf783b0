/* Print the results of a trial, as tables or as JSON. */
#ifndef SENTENCE_ENCODER_REPORT_H
#define SENTENCE_ENCODER_REPORT_H

#include "trial.h"

/* Print tables. */
void report_tables(const trial *of);

/* Print members of a JSON object, without its braces. */
void report_json(const trial *of);

#endif
