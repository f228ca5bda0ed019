#ifndef TFS_WINOGRAD_H
#define TFS_WINOGRAD_H
#include "network.h"

/* The steps around the 36 matrix products of a convolution by 3×3 kernels (the last two axes of the window; strides,
   dilations and groups 1), for any range of its tiles of 4×4 outputs. `step` is the distance of two of the 36 matrices. */
size_t tfs_winograd_tiles(const struct tfs_window *_Nonnull s);
/* v[36][tile][channels_in] of x. */
void tfs_winograd_input(const struct tfs_window *_Nonnull s, size_t first, size_t count, const float *_Nonnull x,
                        float *_Nonnull v, size_t step);
/* y = relu(the result of m[36][tile][channels_out] + bias + residual), each part if it is there. */
void tfs_winograd_output(const struct tfs_window *_Nonnull s, size_t first, size_t count, const float *_Nonnull m,
                         size_t step, const float *_Nullable bias, const float *_Nullable residual, int relu,
                         float *_Nonnull y);
/* v[36][tile][channels_out] of dy, for the gradient by the kernel. */
void tfs_winograd_gradient(const struct tfs_window *_Nonnull s, size_t first, size_t count, const float *_Nonnull dy,
                           float *_Nonnull v, size_t step);
/* One tap of the kernel by which the gradient by x is a convolution of dy: turned[8 - tap][out][in] = w[tap][in][out]. */
void tfs_winograd_turn(size_t tap, size_t in, size_t out, const float *_Nonnull w, float *_Nonnull turned);
/* u[36][n] of a range of the n = in · out places of w[3][3][in][out]. */
void tfs_winograd_kernel(size_t first, size_t count, size_t n, const float *_Nonnull w, float *_Nonnull u, size_t step);
/* dw[3][3][n] of the sums u[36][n]. */
void tfs_winograd_kernel_gradient(size_t first, size_t count, const float *_Nonnull u, size_t step, size_t n,
                                  float *_Nonnull dw);
#endif
