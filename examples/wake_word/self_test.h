/* Tests on small data, with expected values from closed forms. */
#ifndef WAKE_WORD_SELF_TEST_H
#define WAKE_WORD_SELF_TEST_H

/* Run the tests. 1 if all pass. Writes a compressed detector to DIRECTORY/small.safetensors, and
 * rows for it to DIRECTORY/small.csv. */
int self_test(const char *directory);

#endif
