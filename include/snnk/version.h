/* Version of libsnnk. The build reads these three numbers from here; nothing else states them.
 *
 * Semantic versions. Before 1.0 a minor version may break the interface, and CHANGELOG.md says how
 * to migrate; the soname is `libsnnk.so.0.<minor>` until then. */
#ifndef SNNK_VERSION_H
#define SNNK_VERSION_H

#define SNNK_VERSION_MAJOR 0
#define SNNK_VERSION_MINOR 2
#define SNNK_VERSION_PATCH 0

#endif
