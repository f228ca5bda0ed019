/* The arithmetic of tfs on memory that the caller owns.
 *
 * No kernel allocates, prints, locks or remembers. Sizes are element counts, n == 0 is legal. Unless said
 * otherwise inputs and outputs do not overlap. */
#ifndef TFS_KERNELS_H
#define TFS_KERNELS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TFS_ENUM enum __attribute__((enum_extensibility(closed)))
TFS_ENUM tfs_map {
#define MAP(name, f) tfs_map_##name,
#include "../map.inc"
#undef MAP
};
TFS_ENUM tfs_zip {
#define ZIP(name, f) tfs_zip_##name,
#include "../zip.inc"
#undef ZIP
};
TFS_ENUM tfs_reduce {
#define REDUCE(name, start, f) tfs_reduce_##name,
#include "../reduce.inc"
#undef REDUCE
};
TFS_ENUM tfs_dtype {
    tfs_bool, tfs_u8, tfs_i8, tfs_i16, tfs_i32, tfs_i64, tfs_f16, tfs_bf16, tfs_f32, tfs_f64
};
#pragma clang assume_nonnull begin

/* What a kernel found wrong, with the flat index of where. */
#define TFS_FINE SIZE_MAX

/* A dense array seen through strides (in elements; 0 repeats, negative goes backwards). */
typedef struct {
    const void *data;
    size_t rank;
    const ptrdiff_t *_Nullable shape;
    const ptrdiff_t *_Nullable strides;
} tfs_view;

/* elementwise.c: y may be x (or a, or b) when element sizes agree. */
void tfs_map(enum tfs_map op, enum tfs_dtype dtype, const void *x, void *y, size_t n);
void tfs_zip(enum tfs_zip op, enum tfs_dtype dtype, const void *a, const void *b, void *y, size_t n);
/* As tfs_zip with a single element on one side. */
void tfs_zip_scalar(enum tfs_zip op, enum tfs_dtype dtype, const void *a, const void *b, bool a_is_scalar, void *y, size_t n);
void tfs_cast(enum tfs_dtype from, const void *x, enum tfs_dtype to, void *y, size_t n);
/* y[i] = c[i] ? a[i] : b[i], elements of `size` bytes. */
void tfs_select(size_t size, const uint8_t *c, const void *a, const void *b, void *y, size_t n);
/* The index of the first element that is zero (or not finite), or TFS_FINE. */
size_t tfs_find_zero(enum tfs_dtype dtype, const void *x, size_t n);
size_t tfs_find_nonfinite(enum tfs_dtype dtype, const void *x, size_t n);

/* reduce.c: x seen as [outer, n, inner], folded over n; dtype is bool, i32, i64, f32 or f64. */
void tfs_reduce(enum tfs_reduce op, enum tfs_dtype dtype, const void *x, void *y, size_t outer, size_t n, size_t inner);

/* movement.c: elements of `size` bytes (1, 2, 4 or 8). */
void tfs_gather_view(size_t size, tfs_view x, void *y, size_t n);
/* The inverse: writes dense x to the places that the view of y names; y.data is written. */
void tfs_scatter_view(size_t size, const void *x, tfs_view y, size_t n);
void tfs_fill(enum tfs_dtype dtype, double value, void *y, size_t n);
void tfs_fill_int(enum tfs_dtype dtype, int64_t value, void *y, size_t n);
/* y seen as [outer, n, inner]: the index along n. */
void tfs_iota(enum tfs_dtype dtype, void *y, size_t outer, size_t n, size_t inner);
/* One axis of a padding: x [outer, n, inner] to y [outer, before + n + after, inner], `value` (one element) around it. */
void tfs_pad_axis(size_t size, const void *x, void *y, size_t outer, size_t n, size_t inner, size_t before, size_t after, const void *value);

/* indexing.c: indices are i32 or i64, negative ones count from the end; an index out of range is returned as
 * its place among the indices, before anything is written. */
size_t tfs_check_indices(enum tfs_dtype dtype, const void *indices, size_t n, int64_t limit);
int64_t tfs_index_at(enum tfs_dtype dtype, const void *indices, size_t i);
/* y[b, o, i, :] = x[b, o, indices[b, i], :] for x [batch, outer, n, inner], indices [batch, m]. */
void tfs_gather(size_t size, const void *x, enum tfs_dtype index, const void *indices, void *y, size_t batch, size_t outer, size_t n, size_t m, size_t inner);
/* y[b, o, indices[b, i], :] += x[b, o, i, :]; dtype of numbers. */
void tfs_gather_add(enum tfs_dtype dtype, const void *x, enum tfs_dtype index, const void *indices, void *y, size_t batch, size_t outer, size_t n, size_t m, size_t inner);
/* y[o, i, k] = x[o, indices[o, i, k], k] for x [outer, n, inner], indices [outer, m, inner]. */
void tfs_take_along(size_t size, const void *x, enum tfs_dtype index, const void *indices, void *y, size_t outer, size_t n, size_t m, size_t inner);
void tfs_take_along_add(enum tfs_dtype dtype, const void *x, enum tfs_dtype index, const void *indices, void *y, size_t outer, size_t n, size_t m, size_t inner);
TFS_ENUM tfs_update { tfs_update_none, tfs_update_add, tfs_update_mul, tfs_update_max, tfs_update_min };
/* y[at[i], :] = op(y[at[i], :], x[i, :]), in order; `at` holds checked row numbers. */
void tfs_update_rows(enum tfs_update op, enum tfs_dtype dtype, const int64_t *at, const void *x, void *y, size_t rows, size_t inner);
/* Rows addressed by k indices each into the leading axes `shape`: at[i] = row number. Returns as tfs_check_indices. */
size_t tfs_flatten_indices(enum tfs_dtype index, const void *indices, size_t rows, size_t k, const ptrdiff_t *_Nullable shape, int64_t *at);
/* y [outer, classes, inner] of the dtype: 1 where x [outer, inner] equals the class. */
void tfs_one_hot(enum tfs_dtype index, const void *x, enum tfs_dtype dtype, void *y, size_t outer, size_t classes, size_t inner);
/* Flat indices of non-zeros, at most n of them; returns how many. */
size_t tfs_nonzero(enum tfs_dtype dtype, const void *x, int64_t *_Nullable at, size_t n);

/* order.c: x seen as [outer, n, inner]. nan is larger than every number. */
void tfs_arg_extreme(enum tfs_dtype dtype, const void *x, bool largest, int64_t *y, size_t outer, size_t n, size_t inner);
void tfs_cumulate(enum tfs_dtype dtype, bool product, bool exclusive, bool reverse, const void *x, void *y, size_t outer, size_t n, size_t inner);
/* Sorts one row stably (y and index both have n elements; scratch n indices). */
void tfs_sort_row(enum tfs_dtype dtype, bool descending, const void *x, void *y, int32_t *index, int32_t *scratch, size_t n);
/* The k largest of a row in descending order, the lower index first among equals. */
void tfs_top_row(enum tfs_dtype dtype, const void *x, void *y, int32_t *index, size_t n, size_t k);
/* Whether x[i] < x[j]. */
bool tfs_less(enum tfs_dtype dtype, const void *x, size_t i, size_t j);
/* y[i]: how many of the n sorted elements are < values[i] (or <= for `right`). */
void tfs_search_sorted(enum tfs_dtype dtype, const void *sorted, size_t n, const void *values, bool right, enum tfs_dtype out, void *y, size_t m);

/* random.c: Philox4x32-10. Element i of the draw named (key, step) is a function of these three alone. */
/* The n elements from `first` on, a multiple of 4: tiles and threads can share a draw. */
void tfs_random_uniform_range(enum tfs_dtype dtype, uint64_t key, uint64_t step, uint64_t first, void *y, size_t n);
void tfs_random_normal(enum tfs_dtype dtype, uint64_t key, uint64_t step, bool truncated, void *y, size_t n);
/* lowest ≤ y < lowest + width; width 0 stands for 2^64. */
void tfs_random_int(enum tfs_dtype dtype, uint64_t key, uint64_t step, int64_t lowest, uint64_t width, void *y, size_t n);
void tfs_random_permutation(uint64_t key, uint64_t step, int32_t *y, size_t n);
uint64_t tfs_mix(uint64_t a, uint64_t b);
/* A fingerprint of bytes, which goes on from an earlier one. */
uint64_t tfs_digest(uint64_t start, const void *x, size_t bytes);

#pragma clang assume_nonnull end
#endif
