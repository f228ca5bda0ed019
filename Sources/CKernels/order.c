/* Sorting, extremes and running sums. */
#include "types.h"

#define LESS(a, b) ((a) < (b) || ((b) != (b) && (a) == (a)))
#define T float
#define N(name) name##_f32
#include "order.inc"
#undef T
#undef N
#define T double
#define N(name) name##_f64
#include "order.inc"
#undef T
#undef N
#undef LESS
#pragma clang diagnostic ignored "-Wtautological-compare"
#define LESS(a, b) ((a) < (b))
#define T int32_t
#define N(name) name##_i32
#include "order.inc"
#undef T
#undef N
#define T int64_t
#define N(name) name##_i64
#include "order.inc"
#undef T
#undef N

#define EVERY(call) switch (dtype) { \
    case tfs_i32: call(int32_t, i32); return; \
    case tfs_i64: call(int64_t, i64); return; \
    case tfs_f32: call(float, f32); return; \
    case tfs_f64: call(double, f64); return; \
    case tfs_bool: case tfs_u8: case tfs_i8: case tfs_i16: case tfs_f16: case tfs_bf16: return; \
    }

void tfs_arg_extreme(enum tfs_dtype dtype, const void *x, bool largest, int64_t *y, size_t outer, size_t n, size_t inner) {
#define CALL(T, S) arg_extreme_##S(x, largest, y, outer, n, inner)
    EVERY(CALL)
#undef CALL
}
void tfs_cumulate(enum tfs_dtype dtype, bool product, bool exclusive, bool reverse, const void *x, void *y, size_t outer, size_t n, size_t inner) {
#define CALL(T, S) cumulate_##S(product, exclusive, reverse, x, y, outer, n, inner)
    EVERY(CALL)
#undef CALL
}
void tfs_sort_row(enum tfs_dtype dtype, bool descending, const void *x, void *y, int32_t *index, int32_t *scratch, size_t n) {
#define CALL(T, S) sort_row_##S(descending, x, y, index, scratch, n)
    EVERY(CALL)
#undef CALL
}
void tfs_top_row(enum tfs_dtype dtype, const void *x, void *y, int32_t *index, size_t n, size_t k) {
#define CALL(T, S) top_row_##S(x, y, index, n, k)
    EVERY(CALL)
#undef CALL
}
void tfs_search_sorted(enum tfs_dtype dtype, const void *sorted, size_t n, const void *values, bool right, enum tfs_dtype out, void *y, size_t m) {
#define CALL(T, S) \
    for (size_t i = 0; i < m; i++) { \
        const int64_t place = (int64_t)search_##S(sorted, n, ((const T *)values)[i], right); \
        tfs_cast(tfs_i64, &place, out, (char *)y + i * tfs_size(out), 1); \
    }
    EVERY(CALL)
#undef CALL
}
static bool less_f64(double a, double b) { return a < b || (b != b && a == a); }
bool tfs_less(enum tfs_dtype dtype, const void *x, size_t i, size_t j) {
    switch (dtype) {
    case tfs_i32: return ((const int32_t *)x)[i] < ((const int32_t *)x)[j];
    case tfs_i64: return ((const int64_t *)x)[i] < ((const int64_t *)x)[j];
    case tfs_f32: return less_f64((double)((const float *)x)[i], (double)((const float *)x)[j]);
    case tfs_f64: return less_f64(((const double *)x)[i], ((const double *)x)[j]);
    case tfs_bool: case tfs_u8: case tfs_i8: case tfs_i16: case tfs_f16: case tfs_bf16: return false;
    }
}
