/* The version of libsnnk. The build reads these three numbers; they are stated nowhere else.
 *
 * Versions are semantic. Before 1.0 a minor version may break the interface: CHANGELOG.md says how
 * to migrate, and the soname is libsnnk.so.0.<minor>. */
#ifndef SNNK_VERSION_H
#define SNNK_VERSION_H

#define SNNK_VERSION_MAJOR 0
#define SNNK_VERSION_MINOR 2
#define SNNK_VERSION_PATCH 0

#endif
