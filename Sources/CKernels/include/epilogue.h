#ifndef TFS_EPILOGUE_H
#define TFS_EPILOGUE_H
#include <stddef.h>

/* y = relu(y + bias + residual) for a block y[rows][columns] of rows that are `width` long, as are those of the residual;
   each part if it is there. */
#define TFS_EPILOGUE(T, name)                                                                                          \
    void tfs_epilogue_##name(size_t rows, size_t columns, size_t width, int relu, const T *_Nullable bias,             \
                             const T *_Nullable residual, T *_Nonnull y);
TFS_EPILOGUE(float, f32)
TFS_EPILOGUE(double, f64)

/* y[n] = the sum of `count` rows, at least one, in their order; y may be one of them. */
void tfs_sum_rows_f32(size_t n, size_t count, const float *_Nonnull const *_Nonnull rows, float *_Nonnull y);
#endif
