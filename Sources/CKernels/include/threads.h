#ifndef TFS_THREADS_H
#define TFS_THREADS_H
#include <stddef.h>

/* How many processors this process may use. */
size_t tfs_processors(void);
/* Tells the processor that the caller waits in a loop. */
void tfs_pause(void);
/* Lets the processor fetch memory that is read and written soon. */
void tfs_prefetch(const void *_Nonnull x, size_t bytes);
/* The i-th feature of processors that chooses kernels: its name if this one has it, "" if not, NULL behind the last. */
const char *_Nullable tfs_cpu_feature(size_t i);
/* The version of the C library, whose functions compute a script's own numbers. */
const char *_Nonnull tfs_libc_version(void);
#endif
