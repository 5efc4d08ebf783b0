/* Builds of the library: the one that this program is linked with, or another one from a file, to
 * compare them in one process. */
#ifndef SNNK_BENCH_BUILD_H
#define SNNK_BENCH_BUILD_H

#include <snnk/snnk.h>

#define BUILD_FUNCTIONS(F)                                                                         \
    F(last_error)                                                                                  \
    F(map_config_init)                                                                             \
    F(map_create)                                                                                  \
    F(map_create_from_rows)                                                                        \
    F(map_free)                                                                                    \
    F(layer_create)                                                                                \
    F(layer_create_random)                                                                         \
    F(layer_quantize)                                                                              \
    F(layer_forward)                                                                               \
    F(layer_free)                                                                                  \
    F(workspace_create)                                                                            \
    F(workspace_free)                                                                              \
    F(network_create)                                                                              \
    F(network_append)                                                                              \
    F(network_free)                                                                                \
    F(train_config_init)                                                                           \
    F(trainer_create)                                                                              \
    F(trainer_forward)                                                                             \
    F(trainer_backward)                                                                            \
    F(trainer_step)                                                                                \
    F(trainer_free)                                                                                \
    F(record_create)                                                                               \
    F(record_free)
#define BUILD_MEMBER(name) __typeof__(&snnk_##name) name;

typedef struct build {
    BUILD_FUNCTIONS(BUILD_MEMBER)
} build;

extern const build build_linked;

/* Load a library file. Exits, with a message, if that fails. */
build build_load(const char *path);

#endif
