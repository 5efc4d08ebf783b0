/* The words of a CSV text. */
#ifndef SNNK_IO_CSV_WORDS_H
#define SNNK_IO_CSV_WORDS_H

#include "io/csv_scan.h"
#include "io/table_struct.h"

/* Read the words of the columns that have is_words set: sort them, and store their indices in
 * table->values. O(n log n) for n rows. body: at the first record of a text that was read without
 * error. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__csv_read_words(snnk__csv_scanner body, snnk_table *table);

#endif
