#ifndef TFS_BLAS_H
#define TFS_BLAS_H

/* OpenBLAS and its LAPACK, loaded at first use: the core type must be chosen before, and a script that needs
   neither shall not wait for it. `tfs_blas_load` comes first; the other functions may be called once it gave NULL. */

/* NULL once the library is there, else a sentence that says what is missing. Safe from any thread. */
const char *_Nullable tfs_blas_load(void);
/* Its version and kernels in words; NULL where it is not there. */
const char *_Nullable tfs_blas_config(void);

/* Row-major: x = op(a)⁻¹ · b in place of b[n][k], a triangular [n][n]. */
void tfs_strsm(int lower, int transpose, int n, int k, const float *_Nonnull a, float *_Nonnull b);
void tfs_dtrsm(int lower, int transpose, int n, int k, const double *_Nonnull a, double *_Nonnull b);

/* LAPACK, column-major; the result is its `info`. A work size of -1 asks: the answer is in work[0]. */
#define TFS_LAPACK(T, p)                                                                                               \
    int tfs_##p##getrf(int m, int n, T *_Nonnull a, int lda, int *_Nonnull pivots);                                    \
    int tfs_##p##getrs(char transpose, int n, int k, const T *_Nonnull a, int lda, const int *_Nonnull pivots,         \
                       T *_Nonnull b, int ldb);                                                                        \
    int tfs_##p##getri(int n, T *_Nonnull a, int lda, const int *_Nonnull pivots, T *_Nonnull work, int size);         \
    int tfs_##p##potrf(char part, int n, T *_Nonnull a, int lda);                                                      \
    int tfs_##p##geqrf(int m, int n, T *_Nonnull a, int lda, T *_Nonnull tau, T *_Nonnull work, int size);             \
    int tfs_##p##orgqr(int m, int n, int k, T *_Nonnull a, int lda, const T *_Nonnull tau, T *_Nonnull work,           \
                       int size);                                                                                      \
    int tfs_##p##gesdd(char job, int m, int n, T *_Nonnull a, int lda, T *_Nonnull s, T *_Nonnull u, int ldu,          \
                       T *_Nonnull vt, int ldvt, T *_Nonnull work, int size, int *_Nonnull integers);                  \
    int tfs_##p##syevd(char job, char part, int n, T *_Nonnull a, int lda, T *_Nonnull values, T *_Nonnull work,       \
                       int size, int *_Nonnull integers, int integers_size);
TFS_LAPACK(float, s)
TFS_LAPACK(double, d)
#endif
