/* Lines at the beginning of a CSV text that start with #: comments, the header, or records. */
#ifndef SNNK_IO_CSV_COMMENTS_H
#define SNNK_IO_CSV_COMMENTS_H

#include "io/csv_dialect.h"

typedef enum snnk__csv_marked {
    SNNK__CSV_COMMENTS, /* all lines that start with # are comments */
    SNNK__CSV_HEADER,   /* one of them is the header; those before it are comments */
    SNNK__CSV_RECORDS   /* from one of them on they are records; those before it are comments */
} snnk__csv_marked;

/* A line of a text, and all after it. */
typedef struct snnk__csv_place {
    snnk__cursor text;
    size_t lines; /* before it */
} snnk__csv_place;

/* Find the first line that does not start with #. If there is none, it is the first line. */
snnk__csv_place snnk__csv_skip_marked(snnk__cursor text);

/* Find what the lines before `rest` are.
 *   text     from the first of them on
 *   rest     from snnk__csv_skip_marked
 *   dialect  of `rest`
 *   header   snnk_table_header
 *   begin    out: where the header or the records begin */
snnk__csv_marked snnk__csv_find_marked(snnk__cursor text, snnk__csv_place rest,
                                       const snnk__csv_dialect *dialect, int32_t header,
                                       snnk__csv_place *begin);

/* Skip the # of a line, and one space after it. */
snnk__cursor snnk__csv_after_mark(snnk__cursor text);

#endif
