/* What Swift cannot say about processors. */
#define _GNU_SOURCE
#include "threads.h"
#include <gnu/libc-version.h>
#include <sched.h>
#include <unistd.h>

size_t tfs_processors(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return (size_t)CPU_COUNT(&set);
#endif
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (size_t)count : 1;
}

void tfs_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void tfs_prefetch(const void *x, size_t bytes) {
    for (size_t b = 0; b < bytes; b += 64) __builtin_prefetch((const char *)x + b, 1);
}

const char *tfs_cpu_feature(size_t i) {
    size_t place = 0;
#if defined(__x86_64__)
#define FEATURE(name) if (place++ == i) return __builtin_cpu_supports(name) ? name : "";
    FEATURE("avx2") FEATURE("fma") FEATURE("avx512f") FEATURE("avx512bw") FEATURE("avx512dq") FEATURE("avx512vl")
    FEATURE("avx512vnni") FEATURE("avx512bf16")
#undef FEATURE
#endif
    (void)place;
    (void)i;
    return NULL;
}

const char *tfs_libc_version(void) { return gnu_get_libc_version(); }
