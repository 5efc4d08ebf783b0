#define _GNU_SOURCE
#include "build.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define LINKED(name) .name = snnk_##name,

const build build_linked = {BUILD_FUNCTIONS(LINKED)};

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);

    if (found) return found;
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
}

build build_load(const char *path) {
    build made;
    int how = RTLD_NOW | RTLD_LOCAL;
#ifdef RTLD_DEEPBIND
    how |= RTLD_DEEPBIND; /* its calls of its own functions stay in it */
#endif
    void *library = dlopen(path, how);

    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
#define LOADED(name) *(void **)&made.name = symbol(library, "snnk_" #name);
    BUILD_FUNCTIONS(LOADED)
    return made;
}
