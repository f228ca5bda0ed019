#ifndef TFS_KERNELS_H
#define TFS_KERNELS_H
#include <stddef.h>
#include <stdint.h>
enum __attribute__((enum_extensibility(closed))) tfs_map {
#define MAP(name, f) tfs_map_##name,
#include "../map.inc"
#undef MAP
};
enum __attribute__((enum_extensibility(closed))) tfs_zip {
#define ZIP(name, f) tfs_zip_##name,
#include "../zip.inc"
#undef ZIP
};
enum __attribute__((enum_extensibility(closed))) tfs_reduce {
#define REDUCE(name, start, f) tfs_reduce_##name,
#include "../reduce.inc"
#undef REDUCE
};
#endif
