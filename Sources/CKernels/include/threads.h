#ifndef TFS_THREADS_H
#define TFS_THREADS_H
#include <stddef.h>

/* How many processors this process may use. */
size_t tfs_processors(void);
/* Tells the processor that the caller waits in a loop. */
void tfs_pause(void);
#endif
