/* What a trial has found, for people and for programs. */
#ifndef SENTENCE_ENCODER_REPORT_H
#define SENTENCE_ENCODER_REPORT_H

#include "trial.h"

/* Tables. */
void report_tables(const trial *of);

/* Members of a JSON object, without its braces. */
void report_json(const trial *of);

#endif
