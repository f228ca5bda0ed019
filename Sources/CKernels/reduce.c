/* Reductions. Sums are pairwise, so that errors grow with the logarithm of the length, and their order depends on
 * sizes only. Every fold is of a monoid: partial results are combined by the formula itself. */
#include "types.h"
#include <math.h>

#define BLOCK 1024    /* elements folded straight */
#define LANES 64      /* independent accumulators: enough vectors to hide an addition's latency */
#define COLUMNS 64    /* columns folded together, so that partial results fit the registers */
#define ROWS 32

/* Folds x[i...] into `total` by vectors of W lanes, as far as they go. */
#define STAGE(W, T, f) \
    if (n - i >= W) { \
        T lanes[W]; \
        for (size_t j = 0; j < W; j++) lanes[j] = x[i + j]; \
        for (i += W; i + W <= n; i += W) \
            for (size_t j = 0; j < W; j++) { const T acc = lanes[j], v = x[i + j]; lanes[j] = (T)(f); } \
        for (size_t step = W / 2; step > 0; step /= 2) \
            for (size_t j = 0; j < step; j++) { const T acc = lanes[j], v = lanes[j + step]; lanes[j] = (T)(f); } \
        const T acc = total, v = lanes[0]; \
        total = (T)(f); \
    }
#define FOLD(name, T, S, start, f) \
    INLINE T name##_block_##S(const T *x, size_t n) { \
        T total = start; \
        size_t i = 0; \
        STAGE(LANES, T, f) \
        STAGE(8, T, f) \
        for (; i < n; i++) { const T acc = total, v = x[i]; total = (T)(f); } \
        return total; \
    } \
    CLONES static T name##_run_##S(const T *x, size_t n) { \
        if (n <= BLOCK) return name##_block_##S(x, n); \
        const size_t half = (n / 2 + BLOCK - 1) / BLOCK * BLOCK; \
        const T acc = name##_run_##S(x, half), v = name##_run_##S(x + half, n - half); \
        return (T)(f); \
    } \
    CLONES static void name##_rows_##S(const T *x, T *y, size_t outer, size_t n) { \
        for (size_t o = 0; o < outer; o++) y[o] = name##_block_##S(x + o * n, n); \
    } \
    /* Up to ROWS rows of m columns; a constant m leaves y in registers. */ \
    INLINE void name##_straight_##S(const T *x, T *y, size_t n, size_t stride, size_t m) { \
        T sums[COLUMNS]; \
        for (size_t j = 0; j < m; j++) sums[j] = start; \
        for (size_t i = 0; i < n; i++) \
            for (size_t j = 0; j < m; j++) { const T acc = sums[j], v = x[i * stride + j]; sums[j] = (T)(f); } \
        for (size_t j = 0; j < m; j++) y[j] = sums[j]; \
    } \
    CLONES static void name##_columns_##S(const T *x, T *y, size_t n, size_t stride, size_t m) { \
        if (n > ROWS) { \
            T other[COLUMNS]; \
            const size_t half = (n / 2 + ROWS - 1) / ROWS * ROWS; \
            name##_columns_##S(x, y, half, stride, m); \
            name##_columns_##S(x + half * stride, other, n - half, stride, m); \
            for (size_t j = 0; j < m; j++) { const T acc = y[j], v = other[j]; y[j] = (T)(f); } \
        } else if (m == COLUMNS) name##_straight_##S(x, y, n, stride, COLUMNS); \
        else name##_straight_##S(x, y, n, stride, m); \
    } \
    static void name##_##S(const T *x, T *y, size_t outer, size_t n, size_t inner) { \
        if (inner == 1 && n <= BLOCK) { name##_rows_##S(x, y, outer, n); return; } \
        if (inner == 1) { \
            for (size_t o = 0; o < outer; o++) y[o] = name##_run_##S(x + o * n, n); \
            return; \
        } \
        /* Short rows are taken several at a time, side by side. */ \
        const size_t beside = inner > 0 && inner <= COLUMNS / 2 && n >= 2 * COLUMNS / inner ? COLUMNS / inner : 1; \
        for (size_t o = 0; o < outer; o++, x += n * inner, y += inner) { \
            if (beside == 1) { \
                for (size_t j = 0; j < inner; j += COLUMNS) \
                    name##_columns_##S(x + j, y + j, n, inner, inner - j < COLUMNS ? inner - j : COLUMNS); \
                continue; \
            } \
            T parts[COLUMNS]; \
            const size_t whole = n / beside; \
            name##_columns_##S(x, parts, whole, beside * inner, beside * inner); \
            name##_columns_##S(x + whole * beside * inner, y, n - whole * beside, inner, inner); \
            for (size_t k = 0; k < beside; k++) \
                for (size_t j = 0; j < inner; j++) { const T acc = y[j], v = parts[k * inner + j]; y[j] = (T)(f); } \
        } \
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
