#ifndef TFS_NETWORK_H
#define TFS_NETWORK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Products, convolutions, pooling, softmax and normalisation as plain loops over dense row-major memory: what runs
   where a library is not worth loading or has no such dtype, and what the libraries are tested against. */

/* A window that walks over up to three spatial axes of channels-last images; unused leading axes have size 1.
   Input position of tap k at output o: o * stride + k * dilation - before. Pooling has as many channels out as in,
   one group and dilation 1. */
struct tfs_window {
    size_t batch, channels_in, channels_out, groups;
    size_t input[3], kernel[3], output[3], stride[3], before[3], dilation[3];
};

/* Whether each window is a square of 2×2 beside the next and free of padding. */
bool tfs_pools_pairs(const struct tfs_window *_Nonnull s);

/* What the windows of `count` outputs, counted over all images, see of x: y[count][kernel…][in], 0 for padding. */
void tfs_patches_f32(const struct tfs_window *_Nonnull s, size_t first, size_t count, const float *_Nonnull x, float *_Nonnull y);
/* Back: each input of an image is the sum of what all windows have in its place; `count` channels from `first` on. */
void tfs_patches_sum_f32(const struct tfs_window *_Nonnull s, size_t image, size_t first, size_t count, const float *_Nonnull y,
                         float *_Nonnull x);

/* What a product does to its result on the way: c = relu(c + a · b + plus), each part if it is asked for. The rows of `plus`
   lie `row` elements apart: 0 where one is added to all. */
typedef struct {
    bool adds, relu;
    size_t row;
    const void *_Nullable plus;
} tfs_finish;

#define TFS_MATMUL(T, name)                                                                                            \
    /* c = a · b, finished, for a[m][k], b[k][n], c[m][n] with the strides of their rows and columns; c's columns lie      \
       dense. c is distinct from all else, k is not 0. */                                                              \
    void tfs_matmul_##name(size_t m, size_t n, size_t k, const T *_Nonnull a, size_t row, size_t column,               \
                           const T *_Nonnull b, size_t brow, size_t bcolumn, T *_Nonnull c, size_t crow, tfs_finish finish);    \
    /* The same as it is where registers are narrow. */                                                                \
    void tfs_matmul_narrow_##name(size_t m, size_t n, size_t k, const T *_Nonnull a, size_t row, size_t column,        \
                                  const T *_Nonnull b, size_t brow, size_t bcolumn, T *_Nonnull c, size_t crow, tfs_finish finish); \
    /* y[m] = a[m][n] · x[n], or with `transposed` y[n] = x[m] · a[m][n]; `row` is the stride of a's rows. */          \
    void tfs_matvec_##name(size_t m, size_t n, size_t row, int transposed, const T *_Nonnull a, const T *_Nonnull x,   \
                           T *_Nonnull y);
TFS_MATMUL(float, f32)
TFS_MATMUL(double, f64)
/* Integers wrap around. */
TFS_MATMUL(uint8_t, i8)
TFS_MATMUL(uint16_t, i16)
TFS_MATMUL(uint32_t, i32)
TFS_MATMUL(uint64_t, i64)

#define TFS_NETWORK(T, name)                                                                                           \
    /* Convolution of x by w[kernel…][in / groups][out] and its gradients by x and w; results are written whole. */    \
    void tfs_conv_##name(const struct tfs_window *_Nonnull s, const T *_Nonnull x, const T *_Nonnull w,                \
                         T *_Nonnull y);                                                                               \
    void tfs_conv_gradient_input_##name(const struct tfs_window *_Nonnull s, const T *_Nonnull dy,                     \
                                        const T *_Nonnull w, T *_Nonnull dx);                                          \
    void tfs_conv_gradient_kernel_##name(const struct tfs_window *_Nonnull s, const T *_Nonnull x,                     \
                                         const T *_Nonnull dy, T *_Nonnull dw);                                        \
    /* The largest of each window, NaN if one is there; -infinity where the window holds padding only. */              \
    void tfs_max_pool_##name(const struct tfs_window *_Nonnull s, const T *_Nonnull x, T *_Nonnull y);                 \
    /* dx = dy at the first largest of each window, overlaps added; dx may be x where `tfs_pools_pairs`. */            \
    void tfs_max_pool_gradient_##name(const struct tfs_window *_Nonnull s, const T *_Nonnull x, const T *_Nonnull dy,  \
                                      T *_Nonnull dx);                                                                 \
    /* y = z at the first largest of each window of x; 0 where the window holds padding only. */                       \
    void tfs_max_pool_take_##name(const struct tfs_window *_Nonnull s, const T *_Nonnull x, const T *_Nonnull z,       \
                                  T *_Nonnull y);                                                                      \
    /* The mean over the part of each window that is not padding. */                                                   \
    void tfs_average_pool_##name(const struct tfs_window *_Nonnull s, const T *_Nonnull x, T *_Nonnull y);             \
    void tfs_average_pool_gradient_##name(const struct tfs_window *_Nonnull s, const T *_Nonnull dy,                   \
                                          T *_Nonnull dx);                                                             \
    /* Over the middle axis of [outer][n][inner], shifted by the largest; y == x is allowed. */                        \
    void tfs_softmax_##name(size_t outer, size_t n, size_t inner, int logarithm, const T *_Nonnull x,                  \
                            T *_Nonnull y);                                                                            \
    /* Per channel over all rows of x[rows][c]: mean, population variance. `sums` is scratch for c doubles. */         \
    void tfs_batch_statistics_##name(size_t rows, size_t c, const T *_Nonnull x, double *_Nonnull sums,                \
                                     T *_Nonnull mean, T *_Nonnull variance);                                          \
    /* The statistics of all rows from those of parts of `grain` rows, the last one shorter, means[part][c]. */         \
    void tfs_merge_statistics_##name(size_t rows, size_t grain, size_t c, const T *_Nonnull means,                     \
                                     const T *_Nonnull variances, T *_Nonnull mean, T *_Nonnull variance);             \
    /* y = (x - mean) * gamma / sqrt(variance + epsilon) + beta; `scale` is scratch for c elements. */                 \
    void tfs_batch_normalize_##name(size_t rows, size_t c, double epsilon, const T *_Nonnull x,                        \
                                    const T *_Nonnull gamma, const T *_Nonnull beta, const T *_Nonnull mean,           \
                                    const T *_Nonnull variance, T *_Nonnull scale, T *_Nonnull y);                     \
    /* The same over each row: mean and variance have one element per row. */                                          \
    void tfs_layer_norm_##name(size_t rows, size_t c, double epsilon, const T *_Nonnull x, const T *_Nonnull gamma,    \
                               const T *_Nonnull beta, T *_Nonnull y, T *_Nonnull mean, T *_Nonnull variance);
TFS_NETWORK(float, f32)
TFS_NETWORK(double, f64)
#endif
