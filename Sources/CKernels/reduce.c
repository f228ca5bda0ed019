/* Reductions. Sums are pairwise, so that errors grow with the logarithm of the length, and their order depends on
 * sizes only. Every fold is of a monoid: partial results are combined by the formula itself. */
#include "types.h"
#include <math.h>

#define BLOCK 256     /* elements folded straight */
#define LANES 16      /* independent accumulators, one or two vectors */
#define COLUMNS 128   /* columns folded together, so that partial results fit the stack */
#define ROWS 32

#define FOLD(name, T, S, start, f) \
    CLONES static T name##_run_##S(const T *x, size_t n) { \
        if (n > BLOCK) { \
            const size_t half = (n / 2 + BLOCK - 1) / BLOCK * BLOCK; \
            const T acc = name##_run_##S(x, half), v = name##_run_##S(x + half, n - half); \
            return (T)(f); \
        } \
        T lanes[LANES], total = start; \
        for (size_t j = 0; j < LANES; j++) lanes[j] = start; \
        size_t i = 0; \
        for (; i + LANES <= n; i += LANES) \
            for (size_t j = 0; j < LANES; j++) { const T acc = lanes[j], v = x[i + j]; lanes[j] = (T)(f); } \
        for (; i < n; i++) { const T acc = lanes[i % LANES], v = x[i]; lanes[i % LANES] = (T)(f); } \
        for (size_t j = 0; j < LANES; j++) { const T acc = total, v = lanes[j]; total = (T)(f); } \
        return total; \
    } \
    CLONES static void name##_columns_##S(const T *x, T *y, size_t n, size_t stride, size_t m) { \
        if (n > ROWS) { \
            T other[COLUMNS]; \
            const size_t half = (n / 2 + ROWS - 1) / ROWS * ROWS; \
            name##_columns_##S(x, y, half, stride, m); \
            name##_columns_##S(x + half * stride, other, n - half, stride, m); \
            for (size_t j = 0; j < m; j++) { const T acc = y[j], v = other[j]; y[j] = (T)(f); } \
            return; \
        } \
        for (size_t j = 0; j < m; j++) y[j] = start; \
        for (size_t i = 0; i < n; i++) { \
            const T *row = x + i * stride; \
            EACH(j, m) { const T acc = y[j], v = row[j]; y[j] = (T)(f); } \
        } \
    } \
    static void name##_##S(const T *x, T *y, size_t outer, size_t n, size_t inner) { \
        if (inner == 1) { \
            for (size_t o = 0; o < outer; o++) y[o] = name##_run_##S(x + o * n, n); \
            return; \
        } \
        for (size_t o = 0; o < outer; o++) \
            for (size_t j = 0; j < inner; j += COLUMNS) \
                name##_columns_##S(x + o * n * inner + j, y + o * inner + j, n, inner, inner - j < COLUMNS ? inner - j : COLUMNS); \
    }

#define MAX(a, v) (v > a || v != v ? v : a)
#define MIN(a, v) (v < a || v != v ? v : a)

#define LOWEST -INFINITY
#define HIGHEST INFINITY
#define REDUCE_LOGIC(name, start, f)
#define REDUCE(name, start, f) FOLD(name, float, f32, start, f)
#include "reduce.inc"
#undef REDUCE
#define REDUCE_LOGIC(name, start, f)
#define REDUCE(name, start, f) FOLD(name, double, f64, start, f)
#include "reduce.inc"
#undef REDUCE
#undef LOWEST
#undef HIGHEST
#undef MAX
#undef MIN
#define MAX(a, v) (v > a ? v : a)
#define MIN(a, v) (v < a ? v : a)
#define LOWEST INT32_MIN
#define HIGHEST INT32_MAX
#define REDUCE_LOGIC(name, start, f)
#define REDUCE(name, start, f) FOLD(name, int32_t, i32, start, f)
#include "reduce.inc"
#undef REDUCE
#undef LOWEST
#undef HIGHEST
#define LOWEST INT64_MIN
#define HIGHEST INT64_MAX
#define REDUCE_LOGIC(name, start, f)
#define REDUCE(name, start, f) FOLD(name, int64_t, i64, start, f)
#include "reduce.inc"
#undef REDUCE
#define REDUCE_LOGIC(name, start, f) FOLD(name, uint8_t, bool, start, f)
#define REDUCE(name, start, f)
#include "reduce.inc"
#undef REDUCE

#define DISPATCH(T, S) { const T *p = x; T *q = y; switch (op) {
#define END } return; }
#define CASE(name, S) case tfs_reduce_##name: name##_##S(p, q, outer, n, inner); return;
#define SKIP(name) case tfs_reduce_##name: return;

void tfs_reduce(enum tfs_reduce op, enum tfs_dtype dtype, const void *x, void *y, size_t outer, size_t n, size_t inner) {
    switch (dtype) {
#define REDUCE_LOGIC(name, start, f) SKIP(name)
#define REDUCE(name, start, f) CASE(name, f32)
    case tfs_f32: DISPATCH(float, f32)
#include "reduce.inc"
    END
#undef REDUCE
#define REDUCE_LOGIC(name, start, f) SKIP(name)
#define REDUCE(name, start, f) CASE(name, f64)
    case tfs_f64: DISPATCH(double, f64)
#include "reduce.inc"
    END
#undef REDUCE
#define REDUCE_LOGIC(name, start, f) SKIP(name)
#define REDUCE(name, start, f) CASE(name, i32)
    case tfs_i32: DISPATCH(int32_t, i32)
#include "reduce.inc"
    END
#undef REDUCE
#define REDUCE_LOGIC(name, start, f) SKIP(name)
#define REDUCE(name, start, f) CASE(name, i64)
    case tfs_i64: DISPATCH(int64_t, i64)
#include "reduce.inc"
    END
#undef REDUCE
#define REDUCE_LOGIC(name, start, f) CASE(name, bool)
#define REDUCE(name, start, f) SKIP(name)
    case tfs_bool: DISPATCH(uint8_t, bool)
#include "reduce.inc"
    END
#undef REDUCE
    case tfs_u8: case tfs_i8: case tfs_i16: case tfs_f16: case tfs_bf16: return;
    }
}
