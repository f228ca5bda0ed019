#include "fused.h"
#include "types.h"

/* y = f of A, B, C and D; a and c may be one number for all (bits 0 and 1 of `single`). */
#define FORM(name, T, f) \
    CLONES static void name(uint32_t single, const T *a, const T *b, const T *c, const T *d, T *y, size_t n) { \
        const T a0 = *a, c0 = *c; \
        switch (single) { \
        case 0: EACH(i, n) { const T A = a[i], B = b[i], C = c[i], D = d[i]; (void)C, (void)D, y[i] = f; } return; \
        case 1: EACH(i, n) { const T A = a0, B = b[i], C = c[i], D = d[i]; (void)C, (void)D, y[i] = f; } return; \
        case 2: EACH(i, n) { const T A = a[i], B = b[i], C = c0, D = d[i]; (void)C, (void)D, y[i] = f; } return; \
        default: EACH(i, n) { const T A = a0, B = b[i], C = c0, D = d[i]; (void)C, (void)D, y[i] = f; } return; \
        } \
    }
#define FORMS(name, f) FORM(name##_f32, float, f) FORM(name##_f64, double, f)
FORMS(multiply, A * B)
FORMS(multiply_add, A * B + C)
FORMS(multiply_subtract, A * B - C)
FORMS(subtract_product, C - A * B)
FORMS(add_products, A * B + C * D)
FORMS(subtract_quotient, C - A / B)

#define REPEAT(U) { const U v = *(const U *)one; U *q = y; EACH(i, n) q[i] = v; return; }
CLONES static void repeat(size_t size, const void *one, void *y, size_t n) {
    switch (size) {
    case 1: memset(y, *(const uint8_t *)one, n); return;
    case 2: REPEAT(uint16_t)
    case 4: REPEAT(uint32_t)
    default: REPEAT(uint64_t)
    }
}

#define STRIDED(U) { const U *p = x; U *q = y; for (size_t i = 0; i < n; i++) q[i] = p[(ptrdiff_t)i * stride]; return; }
static void strided(size_t size, const void *x, ptrdiff_t stride, void *y, size_t n) {
    switch (size) {
    case 1: STRIDED(uint8_t)
    case 2: STRIDED(uint16_t)
    case 4: STRIDED(uint32_t)
    default: STRIDED(uint64_t)
    }
}

/* The n elements from place `first` of a walk: in x itself where they lie side by side there, else copied to y. */
static char *walk(const char *x, size_t size, size_t rank, const ptrdiff_t *shape, ptrdiff_t offset, size_t first, size_t n, char *y) {
    const ptrdiff_t *strides = shape + rank;
    ptrdiff_t place[32];
    size_t rest = first;
    for (size_t axis = rank; axis-- > 0;) {
        place[axis] = (ptrdiff_t)(rest % (size_t)shape[axis]);
        rest /= (size_t)shape[axis];
        offset += place[axis] * strides[axis];
    }
    const size_t inner = (size_t)shape[rank - 1], last = rank - 1;
    const ptrdiff_t step = strides[last];
    size_t run = inner - (size_t)place[last];
    if (step == 1 && run >= n) return (char *)(uintptr_t)x + offset * (ptrdiff_t)size;
    for (size_t done = 0;;) {
        const size_t m = run < n - done ? run : n - done;
        const char *from = x + offset * (ptrdiff_t)size;
        if (step == 1) memcpy(y + done * size, from, m * size);
        else if (step == 0) repeat(size, from, y + done * size, m);
        else strided(size, from, step, y + done * size, m);
        done += m;
        if (done == n) return y;
        offset -= place[last] * step;
        place[last] = 0;
        run = inner;
        for (size_t axis = last; axis-- > 0;) {
            offset += strides[axis];
            if (++place[axis] < shape[axis]) break;
            offset -= strides[axis] * shape[axis];
            place[axis] = 0;
        }
    }
}

/* Draws from any place; blocks of the generator begin at multiples of 4. */
static void uniform(enum tfs_dtype dtype, const char *key, uint64_t number, size_t at, char *y, size_t n) {
    uint64_t k;
    memcpy(&k, key, sizeof k);
    const size_t size = tfs_size(dtype), skipped = at % 4;
    if (skipped > 0) {
        uint64_t block[4];
        const size_t m = n < 4 - skipped ? n : 4 - skipped;
        tfs_random_uniform_range(dtype, k, number, at - skipped, block, 4);
        memcpy(y, (char *)block + skipped * size, m * size);
        at += m;
        y += m * size;
        n -= m;
    }
    tfs_random_uniform_range(dtype, k, number, at, y, n);
}

static inline void take(const tfs_step *s, const tfs_native *natives, char *const *r, size_t at, size_t n, uint64_t number) {
    switch (s->kind) {
    case tfs_step_map: tfs_map((enum tfs_map)s->op, s->dtype, r[s->a], r[s->y], n); return;
    case tfs_step_zip: tfs_zip((enum tfs_zip)s->op, s->dtype, r[s->a], r[s->b], r[s->y], n); return;
    case tfs_step_select: tfs_select(s->op, (const uint8_t *)r[s->a], r[s->b], r[s->c], r[s->y], n); return;
    case tfs_step_cast: tfs_cast(s->dtype, r[s->a], (enum tfs_dtype)s->op, r[s->y], n); return;
    case tfs_step_copy: if (r[s->a] != r[s->y]) memcpy(r[s->y], r[s->a], n * s->op); return;
#define CASE(name) case tfs_step_##name: \
        if (s->dtype == tfs_f32) name##_f32(s->op, (const float *)r[s->a], (const float *)r[s->b], (const float *)r[s->c], (const float *)r[s->d], (float *)r[s->y], n); \
        else name##_f64(s->op, (const double *)r[s->a], (const double *)r[s->b], (const double *)r[s->c], (const double *)r[s->d], (double *)r[s->y], n); \
        return;
    case tfs_step_uniform: uniform(s->dtype, r[s->a], number, at, r[s->y], n); return;
    case tfs_step_native: natives[s->op]((void *const *)r, 0, n); return;
    CASE(multiply)
    CASE(multiply_add)
    CASE(multiply_subtract)
    CASE(subtract_product)
    CASE(add_products)
    CASE(subtract_quotient)
#undef CASE
    }
}

/* Adds the tile of n elements at `first` to a fold. */
static void fold(const tfs_fold *f, const char *tile, char *result, size_t columns, size_t first, size_t n) {
    const size_t size = tfs_size(f->dtype);
    char part[16 * 1024];
    switch (f->kind) {
    case tfs_fold_all:
        tfs_reduce(f->op, f->dtype, tile, part, 1, n, 1);
        tfs_zip(f->combine, f->dtype, result, part, result, 1);
        return;
    case tfs_fold_rows: {
        char *at = result + first / columns * size;
        if (n >= columns) { tfs_reduce(f->op, f->dtype, tile, at, n / columns, columns, 1); return; }
        if (first % columns == 0) { tfs_reduce(f->op, f->dtype, tile, at, 1, n, 1); return; }
        tfs_reduce(f->op, f->dtype, tile, part, 1, n, 1);
        tfs_zip(f->combine, f->dtype, at, part, at, 1);
        return;
    }
    case tfs_fold_columns:
        if (n <= columns) {
            char *at = result + first % columns * size;
            tfs_zip(f->combine, f->dtype, at, tile, at, n);
            return;
        }
        tfs_reduce(f->op, f->dtype, tile, part, 1, n / columns, columns);
        tfs_zip(f->combine, f->dtype, result, part, result, columns);
        return;
    }
}

void tfs_fused(const tfs_fused_code *code, void *const *operands, size_t first, size_t n, uint64_t number) {
    _Alignas(64) char scratch[TFS_FUSED_SCRATCH];
    char *r[TFS_FUSED_REGISTERS];
    bool fixed[TFS_FUSED_REGISTERS];
    const size_t tile = code->tile, columns = code->columns, end = first + n;
    /* Registers a multiple of 4096 bytes apart would make loads wait for stores that they have nothing to do with. */
    const size_t pitch = ((tile + 63) & ~(size_t)63) + TFS_FUSED_SKEW;
    const bool whole_rows = columns > 0 && columns <= tile;
    /* What lies side by side, each once. */
    const tfs_access *streams[TFS_FUSED_REGISTERS];
    size_t stream_count = 0;
    if (n == 0) return;
    if (code->whole) {
        code->whole(operands, first, end);
        return;
    }
    for (size_t i = 0; i < code->register_count; i++) {
        const tfs_access *a = code->registers + i;
        char *own = scratch + a->scratch * pitch;
        fixed[i] = false;
        switch (a->kind) {
        case tfs_access_single: r[i] = operands[a->operand]; break;
        case tfs_access_scalar: repeat(a->size, operands[a->operand], own, tile < n ? tile : n); r[i] = own; break;
        case tfs_access_scratch: r[i] = own; break;
        case tfs_access_dense: {
            size_t k = 0;
            while (k < stream_count && operands[streams[k]->operand] != operands[a->operand]) k++;
            if (k == stream_count) streams[stream_count++] = a;
            break;
        }
        case tfs_access_view: {
            /* What repeats row by row is the same in every tile of whole rows. */
            const ptrdiff_t *shape = code->walks + a->walk;
            fixed[i] = whole_rows && a->rank == 2 && (size_t)shape[1] == columns && shape[2] == 0;
            if (fixed[i]) r[i] = walk(operands[a->operand], a->size, a->rank, shape, a->offset, first, tile < n ? tile : n, own);
            break;
        }
        }
    }
    for (size_t i = 0; i < code->fold_count; i++) {
        const tfs_fold *f = code->folds + i;
        if (f->kind == tfs_fold_rows) continue;
        tfs_reduce(f->op, f->dtype, scratch, operands[f->operand], 1, 0, f->kind == tfs_fold_all ? 1 : columns);
    }
    for (size_t at = first, m; at < end; at += m) {
        m = end - at < tile ? end - at : tile;
        if (columns > tile && m > columns - at % columns) m = columns - at % columns;
        for (size_t i = 0; i < code->register_count; i++) {
            const tfs_access *a = code->registers + i;
            if (a->kind == tfs_access_dense) r[i] = (char *)operands[a->operand] + at * a->size;
            else if (a->kind == tfs_access_view && !fixed[i])
                r[i] = walk(operands[a->operand], a->size, a->rank, code->walks + a->walk, a->offset, at, m, scratch + a->scratch * pitch);
        }
        /* The steps go through a tile so often that the processor sees no stream to fetch ahead. */
        const size_t next = at + m, ahead = end - next < tile ? end - next : tile;
        for (size_t i = 0; i < stream_count; i++) {
            const char *from = (const char *)operands[streams[i]->operand] + next * streams[i]->size;
            for (size_t b = 0; b < ahead * streams[i]->size; b += 64) __builtin_prefetch(from + b);
        }
        for (size_t i = 0; i < code->step_count; i++) take(code->steps + i, code->natives, r, at, m, number);
        for (size_t i = 0; i < code->fold_count; i++)
            fold(code->folds + i, r[code->folds[i].source], operands[code->folds[i].operand], columns, at, m);
    }
}
