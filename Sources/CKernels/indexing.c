/* Reading and writing where indices say. */
#include "types.h"

int64_t tfs_index_at(enum tfs_dtype dtype, const void *indices, size_t i) {
    int64_t v = 0;
    tfs_cast(dtype, (const char *)indices + i * tfs_size(dtype), tfs_i64, &v, 1);
    return v;
}

size_t tfs_check_indices(enum tfs_dtype dtype, const void *indices, size_t n, int64_t limit) {
    if (dtype == tfs_i32) {
        const int32_t *p = indices;
        for (size_t i = 0; i < n; i++) if (p[i] < -limit || p[i] >= limit) return i;
        return TFS_FINE;
    }
    for (size_t i = 0; i < n; i++) {
        const int64_t v = tfs_index_at(dtype, indices, i);
        if (v < -limit || v >= limit) return i;
    }
    return TFS_FINE;
}

/* A checked index, counted from the front. */
static inline size_t place(enum tfs_dtype dtype, const void *indices, size_t i, size_t n) {
    const int64_t v = dtype == tfs_i32 ? ((const int32_t *)indices)[i] : dtype == tfs_i64 ? ((const int64_t *)indices)[i] : tfs_index_at(dtype, indices, i);
    return (size_t)(v < 0 ? v + (int64_t)n : v);
}

void tfs_gather(size_t size, const void *x, enum tfs_dtype index, const void *indices, void *y, size_t batch, size_t outer, size_t n, size_t m, size_t inner) {
    const size_t row = inner * size;
    const char *p = x;
    char *q = y;
    for (size_t b = 0; b < batch; b++)
        for (size_t o = 0; o < outer; o++) {
            const char *block = p + (b * outer + o) * n * row;
            for (size_t i = 0; i < m; i++, q += row) memcpy(q, block + place(index, indices, b * m + i, n) * row, row);
        }
}

#define ADD(T) { \
    const T *p = x; T *q = y; \
    for (size_t b = 0; b < batch; b++) \
        for (size_t o = 0; o < outer; o++) { \
            T *block = q + (b * outer + o) * n * inner; \
            for (size_t i = 0; i < m; i++, p += inner) { \
                T *row = block + place(index, indices, b * m + i, n) * inner; \
                EACH(j, inner) row[j] += p[j]; \
            } \
        } \
    return; }
void tfs_gather_add(enum tfs_dtype dtype, const void *x, enum tfs_dtype index, const void *indices, void *y, size_t batch, size_t outer, size_t n, size_t m, size_t inner) {
    switch (dtype) {
    case tfs_i32: ADD(int32_t)
    case tfs_i64: ADD(int64_t)
    case tfs_f32: ADD(float)
    case tfs_f64: ADD(double)
    case tfs_bool: case tfs_u8: case tfs_i8: case tfs_i16: case tfs_f16: case tfs_bf16: return;
    }
}

#define ALONG(T, statement) { \
    const T *p = x; T *q = y; \
    for (size_t o = 0; o < outer; o++) \
        for (size_t i = 0; i < m; i++) \
            for (size_t j = 0; j < inner; j++) { \
                const size_t from = (o * m + i) * inner + j, to = (o * n + place(index, indices, from, n)) * inner + j; \
                statement; \
            } \
    return; }
void tfs_take_along(size_t size, const void *x, enum tfs_dtype index, const void *indices, void *y, size_t outer, size_t n, size_t m, size_t inner) {
    switch (size) {
    case 1: ALONG(uint8_t, q[from] = p[to])
    case 2: ALONG(uint16_t, q[from] = p[to])
    case 4: ALONG(uint32_t, q[from] = p[to])
    default: ALONG(uint64_t, q[from] = p[to])
    }
}
void tfs_take_along_add(enum tfs_dtype dtype, const void *x, enum tfs_dtype index, const void *indices, void *y, size_t outer, size_t n, size_t m, size_t inner) {
    switch (dtype) {
    case tfs_i32: ALONG(int32_t, q[to] += p[from])
    case tfs_i64: ALONG(int64_t, q[to] += p[from])
    case tfs_f32: ALONG(float, q[to] += p[from])
    case tfs_f64: ALONG(double, q[to] += p[from])
    case tfs_bool: case tfs_u8: case tfs_i8: case tfs_i16: case tfs_f16: case tfs_bf16: return;
    }
}

#define UPDATE(T, f) for (size_t i = 0; i < rows; i++) { \
        T *r = (T *)y + (size_t)at[i] * inner; const T *s = (const T *)x + i * inner; \
        EACH(j, inner) { const T a = r[j], v = s[j]; (void)a; r[j] = (T)(f); } } return;
#define UPDATES(T) switch (op) { \
    case tfs_update_none: UPDATE(T, v) \
    case tfs_update_add: UPDATE(T, a + v) \
    case tfs_update_mul: UPDATE(T, a * v) \
    case tfs_update_max: UPDATE(T, v > a || v != v ? v : a) \
    case tfs_update_min: UPDATE(T, v < a || v != v ? v : a) \
    } return;
#pragma clang diagnostic ignored "-Wtautological-compare"
void tfs_update_rows(enum tfs_update op, enum tfs_dtype dtype, const int64_t *at, const void *x, void *y, size_t rows, size_t inner) {
    switch (dtype) {
    case tfs_i32: UPDATES(int32_t)
    case tfs_i64: UPDATES(int64_t)
    case tfs_f32: UPDATES(float)
    case tfs_f64: UPDATES(double)
    case tfs_bool: case tfs_u8: case tfs_i8: case tfs_i16: case tfs_f16: case tfs_bf16: return;
    }
}

size_t tfs_flatten_indices(enum tfs_dtype index, const void *indices, size_t rows, size_t k, const ptrdiff_t *shape, int64_t *at) {
    for (size_t i = 0; i < rows; i++) {
        int64_t flat = 0;
        for (size_t j = 0; j < k; j++) {
            const int64_t v = tfs_index_at(index, indices, i * k + j), n = shape[j];
            if (v < -n || v >= n) return i * k + j;
            flat = flat * n + (v < 0 ? v + n : v);
        }
        at[i] = flat;
    }
    return TFS_FINE;
}

void tfs_one_hot(enum tfs_dtype index, const void *x, enum tfs_dtype dtype, void *y, size_t outer, size_t classes, size_t inner) {
    const size_t size = tfs_size(dtype);
    uint64_t one = 0;
    const int64_t unit = 1;
    tfs_cast(tfs_i64, &unit, dtype, &one, 1);
    memset(y, 0, outer * classes * inner * size);
    for (size_t o = 0; o < outer; o++)
        for (size_t j = 0; j < inner; j++) {
            const int64_t v = tfs_index_at(index, x, o * inner + j);
            if (v >= 0 && (size_t)v < classes) memcpy((char *)y + ((o * classes + (size_t)v) * inner + j) * size, &one, size);
        }
}

size_t tfs_nonzero(enum tfs_dtype dtype, const void *x, int64_t *at, size_t n) {
    size_t found = 0;
    uint8_t truth[TILE];
    for (size_t i = 0; i < n; i += TILE) {
        const size_t m = n - i < TILE ? n - i : TILE;
        tfs_cast(dtype, (const char *)x + i * tfs_size(dtype), tfs_bool, truth, m);
        for (size_t j = 0; j < m; j++) if (truth[j]) at[found++] = (int64_t)(i + j);
    }
    return found;
}
