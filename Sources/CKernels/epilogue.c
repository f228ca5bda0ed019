/* What follows a product or convolution. */
#include "epilogue.h"
#include "types.h"

#define EPILOGUE(T, name)                                                                                              \
    CLONES void tfs_epilogue_##name(                                                                               \
        size_t rows, size_t columns, size_t width, int relu, const T *bias, const T *residual, T *y) {                 \
        for (size_t r = 0; r < rows; r++, y += width) {                                                                \
            if (bias) EACH(j, columns) y[j] += bias[j];                                                                \
            if (residual) {                                                                                            \
                EACH(j, columns) y[j] += residual[j];                                                                  \
                residual += width;                                                                                     \
            }                                                                                                          \
            if (relu) EACH(j, columns) y[j] = y[j] < 0 ? 0 : y[j]; /* NaN stays */                                     \
        }                                                                                                              \
    }
EPILOGUE(float, f32)
EPILOGUE(double, f64)

CLONES void tfs_sum_rows_f32(size_t n, size_t count, const float *const *rows, float *y) {
    for (size_t first = 0; first < n; first += TILE) {
        const size_t width = n - first < TILE ? n - first : TILE;
        float sums[TILE];
        memcpy(sums, rows[0] + first, width * sizeof *sums);
        for (size_t r = 1; r < count; r++) EACH(j, width) sums[j] += rows[r][first + j];
        memcpy(y + first, sums, width * sizeof *sums);
    }
}
