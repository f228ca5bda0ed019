/* Movement of elements whatever they are: only their size counts. */
#include "types.h"

#define MAX_RANK 32
#define EDGE 16       /* of a square that transposition keeps in L1 */

/* Walks a view's rows: `place` counts the leading axes, `offset` follows. */
static bool next_row(const tfs_view *v, ptrdiff_t *place, ptrdiff_t *offset, size_t axes) {
    for (size_t axis = axes; axis-- > 0;) {
        *offset += v->strides[axis];
        if (++place[axis] < v->shape[axis]) return true;
        *offset -= v->strides[axis] * v->shape[axis];
        place[axis] = 0;
    }
    return false;
}

/* Rows of a transposition: the next-to-last walked axis lies densely in x, the last one is strided. */
#define SQUARES(U) \
    static void squares_##U(const U *x, U *y, size_t rows, size_t columns, ptrdiff_t sr, ptrdiff_t sc, size_t pitch) { \
        for (size_t i = 0; i < rows; i += EDGE) \
            for (size_t j = 0; j < columns; j += EDGE) { \
                const size_t li = rows - i < EDGE ? rows : i + EDGE, lj = columns - j < EDGE ? columns : j + EDGE; \
                for (size_t r = i; r < li; r++) \
                    for (size_t c = j; c < lj; c++) y[r * pitch + c] = x[(ptrdiff_t)r * sr + (ptrdiff_t)c * sc]; \
            } \
    }
SQUARES(uint8_t)
SQUARES(uint16_t)
SQUARES(uint32_t)
SQUARES(uint64_t)

#define GATHER(U) { \
    const U *p = x.data; U *q = y; \
    if (rank >= 2 && step != 1 && step != 0 && x.strides[rank - 2] == 1 && row >= 4) { \
        const size_t rows = (size_t)x.shape[rank - 2]; \
        do { squares_##U(p + offset, q, rows, row, 1, step, row); q += rows * row; } while (next_row(&x, place, &offset, rank - 2)); \
        return; } \
    do { \
        const U *from = p + offset; \
        if (step == 1) memcpy(q, from, row * sizeof(U)); \
        else if (step == 0) { const U v = *from; EACH(i, row) q[i] = v; } \
        else for (size_t i = 0; i < row; i++) q[i] = from[(ptrdiff_t)i * step]; \
        q += row; \
    } while (next_row(&x, place, &offset, rank ? rank - 1 : 0)); \
    return; }

void tfs_gather_view(size_t size, tfs_view x, void *y, size_t n) {
    if (n == 0) return;
    const size_t rank = x.rank, row = rank ? (size_t)x.shape[rank - 1] : 1;
    const ptrdiff_t step = rank ? x.strides[rank - 1] : 1;
    ptrdiff_t place[MAX_RANK] = {0}, offset = 0;
    switch (size) {
    case 1: GATHER(uint8_t)
    case 2: GATHER(uint16_t)
    case 4: GATHER(uint32_t)
    default: GATHER(uint64_t)
    }
}

#define SCATTER(U) { \
    const U *p = x; U *q = (U *)(uintptr_t)y.data; \
    do { \
        for (size_t i = 0; i < row; i++) q[offset + (ptrdiff_t)i * step] = p[i]; \
        p += row; \
    } while (next_row(&y, place, &offset, rank ? rank - 1 : 0)); \
    return; }

void tfs_scatter_view(size_t size, const void *x, tfs_view y, size_t n) {
    if (n == 0) return;
    const size_t rank = y.rank, row = rank ? (size_t)y.shape[rank - 1] : 1;
    const ptrdiff_t step = rank ? y.strides[rank - 1] : 1;
    ptrdiff_t place[MAX_RANK] = {0}, offset = 0;
    switch (size) {
    case 1: SCATTER(uint8_t)
    case 2: SCATTER(uint16_t)
    case 4: SCATTER(uint32_t)
    default: SCATTER(uint64_t)
    }
}

#define REPEAT(U) { U *q = y, v; memcpy(&v, one, sizeof v); EACH(i, n) q[i] = v; return; }
static void repeat(size_t size, const void *one, void *y, size_t n) {
    switch (size) {
    case 1: REPEAT(uint8_t)
    case 2: REPEAT(uint16_t)
    case 4: REPEAT(uint32_t)
    default: REPEAT(uint64_t)
    }
}

void tfs_fill(enum tfs_dtype dtype, double value, void *y, size_t n) {
    uint64_t one = 0;
    tfs_cast(tfs_f64, &value, dtype, &one, 1);
    repeat(tfs_size(dtype), &one, y, n);
}

void tfs_fill_int(enum tfs_dtype dtype, int64_t value, void *y, size_t n) {
    uint64_t one = 0;
    tfs_cast(tfs_i64, &value, dtype, &one, 1);
    repeat(tfs_size(dtype), &one, y, n);
}

void tfs_iota(enum tfs_dtype dtype, void *y, size_t outer, size_t n, size_t inner) {
    const size_t size = tfs_size(dtype);
    char *q = y;
    if (inner == 0 || outer == 0) return;
    for (size_t i = 0; i < n; i++) {
        const int64_t index = (int64_t)i;
        uint64_t one = 0;
        tfs_cast(tfs_i64, &index, dtype, &one, 1);
        repeat(size, &one, q + i * inner * size, inner);
    }
    for (size_t o = 1; o < outer; o++) memcpy(q + o * n * inner * size, q, n * inner * size);
}

void tfs_pad_axis(size_t size, const void *x, void *y, size_t outer, size_t n, size_t inner, size_t before, size_t after, const void *value) {
    const char *p = x;
    char *q = y;
    const size_t row = inner * size;
    for (size_t o = 0; o < outer; o++) {
        repeat(size, value, q, before * inner);
        q += before * row;
        memcpy(q, p, n * row);
        p += n * row;
        q += n * row;
        repeat(size, value, q, after * inner);
        q += after * row;
    }
}
