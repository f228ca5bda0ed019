#define _GNU_SOURCE
#include "blas.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112, UPPER = 121, LOWER = 122, NON_UNIT = 131, LEFT = 141 };

/* Every function of the library that is called: result, name of ours, its symbol, parameters. The size_t at the end
   are the lengths that Fortran passes for character arguments. */
#define FUNCTIONS(T, p)                                                                                                \
    X(void, p##trsm, "cblas_" #p "trsm", (int, int, int, int, int, int, int, T, const T *, int, T *, int))             \
    X(void, p##getrf, #p "getrf_", (int *, int *, T *, int *, int *, int *))                                           \
    X(void, p##getrs, #p "getrs_", (char *, int *, int *, const T *, int *, const int *, T *, int *, int *, size_t))   \
    X(void, p##getri, #p "getri_", (int *, T *, int *, const int *, T *, int *, int *))                                \
    X(void, p##potrf, #p "potrf_", (char *, int *, T *, int *, int *, size_t))                                         \
    X(void, p##geqrf, #p "geqrf_", (int *, int *, T *, int *, T *, T *, int *, int *))                                 \
    X(void, p##orgqr, #p "orgqr_", (int *, int *, int *, T *, int *, const T *, T *, int *, int *))                    \
    X(void, p##gesdd, #p "gesdd_",                                                                                     \
      (char *, int *, int *, T *, int *, T *, T *, int *, T *, int *, T *, int *, int *, int *, size_t))               \
    X(void, p##syevd, #p "syevd_",                                                                                     \
      (char *, char *, int *, T *, int *, T *, T *, int *, int *, int *, int *, size_t, size_t))
#define ALL FUNCTIONS(float, s) FUNCTIONS(double, d)

#define X(result, name, symbol, parameters) static result(*name) parameters;
ALL
#undef X

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *failure;
static const char *config;

/* OpenBLAS takes CPUs that are newer than itself for old ones; their features say which kernels they can run. */
static const char *core_type(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
    return NULL;
}

static void load(void) {
    const char *core = core_type();
    int own_core = core && !getenv("OPENBLAS_CORETYPE"), own_threads = !getenv("OPENBLAS_NUM_THREADS");
    if (own_core) setenv("OPENBLAS_CORETYPE", core, 0);
    if (own_threads) setenv("OPENBLAS_NUM_THREADS", "1", 0); /* or it starts threads while it is loaded */
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) library = dlopen("libopenblas.so", RTLD_NOW | RTLD_LOCAL);
    if (own_core) unsetenv("OPENBLAS_CORETYPE"); /* programs that the script starts are not to inherit them */
    if (own_threads) unsetenv("OPENBLAS_NUM_THREADS");
    if (!library) {
        failure = "the library OpenBLAS (`libopenblas.so.0`) is not installed";
        return;
    }
#define X(result, name, symbol, parameters)                                                                            \
    *(void **)&name = dlsym(library, symbol);                                                                          \
    if (!name) failure = "the installed OpenBLAS has no function `" symbol "`";
    ALL
#undef X
    const char *(*get_config)(void);
    *(void **)&get_config = dlsym(library, "openblas_get_config");
    if (get_config) config = get_config();
    void (*set_threads)(int);
    *(void **)&set_threads = dlsym(library, "openblas_set_num_threads");
    if (set_threads) set_threads(1); /* sums do not depend on the number of cores */
}

const char *tfs_blas_load(void) {
    pthread_once(&once, load);
    return failure;
}

const char *tfs_blas_config(void) {
    pthread_once(&once, load);
    return config;
}

#define WRAPPERS(T, p)                                                                                                 \
    void tfs_##p##trsm(int lower, int transpose, int n, int k, const T *a, T *b) {                                     \
        p##trsm(ROW_MAJOR, LEFT, lower ? LOWER : UPPER, transpose ? TRANSPOSE : NO_TRANSPOSE, NON_UNIT, n, k, 1, a, n, \
                b, k);                                                                                                 \
    }                                                                                                                  \
    int tfs_##p##getrf(int m, int n, T *a, int lda, int *pivots) {                                                     \
        int info = 0;                                                                                                  \
        p##getrf(&m, &n, a, &lda, pivots, &info);                                                                      \
        return info;                                                                                                   \
    }                                                                                                                  \
    int tfs_##p##getrs(char transpose, int n, int k, const T *a, int lda, const int *pivots, T *b, int ldb) {          \
        int info = 0;                                                                                                  \
        p##getrs(&transpose, &n, &k, a, &lda, pivots, b, &ldb, &info, 1);                                              \
        return info;                                                                                                   \
    }                                                                                                                  \
    int tfs_##p##getri(int n, T *a, int lda, const int *pivots, T *work, int size) {                                   \
        int info = 0;                                                                                                  \
        p##getri(&n, a, &lda, pivots, work, &size, &info);                                                             \
        return info;                                                                                                   \
    }                                                                                                                  \
    int tfs_##p##potrf(char part, int n, T *a, int lda) {                                                              \
        int info = 0;                                                                                                  \
        p##potrf(&part, &n, a, &lda, &info, 1);                                                                        \
        return info;                                                                                                   \
    }                                                                                                                  \
    int tfs_##p##geqrf(int m, int n, T *a, int lda, T *tau, T *work, int size) {                                       \
        int info = 0;                                                                                                  \
        p##geqrf(&m, &n, a, &lda, tau, work, &size, &info);                                                            \
        return info;                                                                                                   \
    }                                                                                                                  \
    int tfs_##p##orgqr(int m, int n, int k, T *a, int lda, const T *tau, T *work, int size) {                          \
        int info = 0;                                                                                                  \
        p##orgqr(&m, &n, &k, a, &lda, tau, work, &size, &info);                                                        \
        return info;                                                                                                   \
    }                                                                                                                  \
    int tfs_##p##gesdd(char job, int m, int n, T *a, int lda, T *s, T *u, int ldu, T *vt, int ldvt, T *work, int size, \
                       int *integers) {                                                                                \
        int info = 0;                                                                                                  \
        p##gesdd(&job, &m, &n, a, &lda, s, u, &ldu, vt, &ldvt, work, &size, integers, &info, 1);                       \
        return info;                                                                                                   \
    }                                                                                                                  \
    int tfs_##p##syevd(char job, char part, int n, T *a, int lda, T *values, T *work, int size, int *integers,         \
                       int integers_size) {                                                                            \
        int info = 0;                                                                                                  \
        p##syevd(&job, &part, &n, a, &lda, values, work, &size, integers, &integers_size, &info, 1, 1);                \
        return info;                                                                                                   \
    }
WRAPPERS(float, s)
WRAPPERS(double, d)
