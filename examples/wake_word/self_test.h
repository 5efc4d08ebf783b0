/* Tests on small data, against closed forms. */
#ifndef WAKE_WORD_SELF_TEST_H
#define WAKE_WORD_SELF_TEST_H

/* 1 if all is well. Leaves a compressed detector in DIRECTORY/small.safetensors, and rows for it in
 * DIRECTORY/small.csv. */
int self_test(const char *directory);

#endif
