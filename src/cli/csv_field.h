/* Fields of CSV files that are written. */
#ifndef SNNK_CLI_CSV_FIELD_H
#define SNNK_CLI_CSV_FIELD_H

#include <stdbool.h>
#include <stdio.h>

/* Whether a field needs no quotes. */
bool csv_is_plain(const char *text);

/* Write a field, quoted if necessary. */
void put_csv_field(FILE *file, const char *text);

/* Write the inside of a quoted field. */
void put_csv_inside(FILE *file, const char *text);

#endif
