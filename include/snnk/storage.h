/* How the weights of a layer are kept in memory. */
#ifndef SNNK_STORAGE_H
#define SNNK_STORAGE_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How Psi and G, or W, are kept. Values never change. */
typedef enum snnk_storage {
    SNNK_STORAGE_F32 = 0,
    SNNK_STORAGE_BF16 = 1, /* 8 bits of precision: each weight is off by 2^-8 of itself at most */
    SNNK_STORAGE_INT8 = 2  /* whole numbers -127 ... 127 times a scale for each row: off by half
                            * of a 127th of the row's largest weight at most; rows whose largest is
                            * below 1.5e-36 become zeros */
} snnk_storage;

#ifdef __cplusplus
}
#endif

#endif
