/* Convolution by 3×3 kernels in tiles of 4×4 outputs with a quarter of the multiplications: F(4×4, 3×3) of Lavin and
   Gray 2015 (arXiv:1509.09308), y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A for each tile d of 6×6 inputs. Over all channels the
   products ⊙ are 36 matrix products. */
#include "winograd.h"
#include "types.h"

enum { LANES = 16 };
typedef float lane __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t mask __attribute__((vector_size(4 * LANES)));
static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

#define INLINE static inline __attribute__((always_inline))

/* Bᵀ times a column of six. */
INLINE void input(const lane *d, size_t s, lane *o, size_t t) {
    const lane a = d[4 * s] - 4.0f * d[2 * s], b = d[3 * s] - 4.0f * d[s], c = d[4 * s] - d[2 * s], e = 2.0f * (d[3 * s] - d[s]);
    const lane f = 4.0f * d[0] - 5.0f * d[2 * s] + d[4 * s], g = 4.0f * d[s] - 5.0f * d[3 * s] + d[5 * s];
    o[0] = f, o[t] = a + b, o[2 * t] = a - b, o[3 * t] = c + e, o[4 * t] = c - e, o[5 * t] = g;
}

/* Aᵀ times a column of six, giving four. */
INLINE void output(const lane *m, size_t s, lane *o, size_t t) {
    const lane a = m[s] + m[2 * s], b = m[s] - m[2 * s], c = m[3 * s] + m[4 * s], e = m[3 * s] - m[4 * s];
    const lane f = m[0] + a + c, g = b + 2.0f * e, h = a + 4.0f * c, i = b + 8.0f * e + m[5 * s];
    o[0] = f, o[t] = g, o[2 * t] = h, o[3 * t] = i;
}

/* A times a column of four, giving six. */
INLINE void gradient(const lane *y, size_t s, lane *o, size_t t) {
    const lane a = y[0] + y[2 * s], b = y[s] + y[3 * s], c = y[0] + 4.0f * y[2 * s], e = 2.0f * y[s] + 8.0f * y[3 * s];
    const lane f = y[0], g = y[3 * s];
    o[0] = f, o[t] = a + b, o[2 * t] = a - b, o[3 * t] = c + e, o[4 * t] = c - e, o[5 * t] = g;
}

/* G times a column of three, giving six. */
INLINE void kernel(const lane *g, size_t s, lane *o, size_t t) {
    const lane a = (g[0] + g[2 * s]) * (-1.0f / 6), b = g[s] * (-1.0f / 6);
    const lane c = g[0] * (1.0f / 24) + g[2 * s] * (1.0f / 6), e = g[s] * (1.0f / 12);
    const lane f = g[0] * 0.25f, h = g[2 * s];
    o[0] = f, o[t] = a + b, o[2 * t] = a - b, o[3 * t] = c + e, o[4 * t] = c - e, o[5 * t] = h;
}

/* Gᵀ times a column of six, giving three. */
INLINE void kernel_gradient(const lane *u, size_t s, lane *o, size_t t) {
    const lane a = u[s] + u[2 * s], b = u[s] - u[2 * s], c = u[3 * s] + u[4 * s], e = u[3 * s] - u[4 * s];
    const lane f = u[0] * 0.25f - a * (1.0f / 6) + c * (1.0f / 24), g = e * (1.0f / 12) - b * (1.0f / 6);
    const lane h = (c - a) * (1.0f / 6) + u[5 * s];
    o[0] = f, o[t] = g, o[2 * t] = h;
}

/* The first `width` of a lane; the rest is 0 and is not written. */
INLINE void load(lane *v, const float *p, size_t width) {
    if (width == LANES) {
        *v = *(const lane *)p;
        return;
    }
    *v = (lane){0};
    memcpy(v, p, width * sizeof(float));
}
INLINE void store(float *p, const lane *v, size_t width) {
    if (width == LANES) *(lane *)p = *v;
    else memcpy(p, v, width * sizeof(float));
}

static inline size_t across(const struct tfs_window *s) { return (s->output[2] + 3) / 4; }
static inline size_t down(const struct tfs_window *s) { return (s->output[1] + 3) / 4; }

size_t tfs_winograd_tiles(const struct tfs_window *s) { return s->batch * down(s) * across(s); }

/* Where a tile lies in an image of height × width; outside of it there are zeros. */
struct patch { const float *base; ptrdiff_t top, left, height, width; size_t row, column; };

INLINE void at(lane *v, const struct patch *p, ptrdiff_t y, ptrdiff_t x, size_t c, size_t width) {
    y += p->top, x += p->left;
    if (y < 0 || y >= p->height || x < 0 || x >= p->width) *v = (lane){0};
    else load(v, p->base + (size_t)y * p->row + (size_t)x * p->column + c, width);
}

INLINE void input_lanes(const struct patch *p, size_t c, size_t width, float *v, size_t step) {
    lane d[36], e[36];
    for (ptrdiff_t y = 0; y < 6; y++)
        for (ptrdiff_t x = 0; x < 6; x++) at(d + y * 6 + x, p, y, x, c, width);
    for (int x = 0; x < 6; x++) input(d + x, 6, e + x, 6);
    for (int y = 0; y < 6; y++) {
        input(e + 6 * y, 1, d + 6 * y, 1);
        for (int x = 0; x < 6; x++) store(v + (size_t)(y * 6 + x) * step + c, d + y * 6 + x, width);
    }
}

CLONES void tfs_winograd_input(const struct tfs_window *s, size_t first, size_t count, const float *x, float *v, size_t step) {
    const size_t c = s->channels_in, per_image = down(s) * across(s);
    for (size_t tile = first; tile < first + count; tile++, v += c) {
        const size_t ty = tile % per_image / across(s), tx = tile % across(s);
        const struct patch p = {
            x + tile / per_image * s->input[1] * s->input[2] * c, (ptrdiff_t)(4 * ty) - (ptrdiff_t)s->before[1],
            (ptrdiff_t)(4 * tx) - (ptrdiff_t)s->before[2], (ptrdiff_t)s->input[1], (ptrdiff_t)s->input[2], s->input[2] * c, c};
        size_t i = 0;
        for (; i + LANES <= c; i += LANES) input_lanes(&p, i, LANES, v, step);
        if (i < c) input_lanes(&p, i, c - i, v, step);
    }
}

INLINE void gradient_lanes(const struct patch *p, size_t c, size_t width, float *v, size_t step) {
    lane d[16], e[24], f[6];
    for (ptrdiff_t y = 0; y < 4; y++)
        for (ptrdiff_t x = 0; x < 4; x++) at(d + y * 4 + x, p, y, x, c, width);
    for (int x = 0; x < 4; x++) gradient(d + x, 4, e + x, 4);
    for (int y = 0; y < 6; y++) {
        gradient(e + 4 * y, 1, f, 1);
        for (int x = 0; x < 6; x++) store(v + (size_t)(y * 6 + x) * step + c, f + x, width);
    }
}

CLONES void tfs_winograd_gradient(const struct tfs_window *s, size_t first, size_t count, const float *dy, float *v, size_t step) {
    const size_t c = s->channels_out, per_image = down(s) * across(s);
    for (size_t tile = first; tile < first + count; tile++, v += c) {
        const size_t ty = tile % per_image / across(s), tx = tile % across(s);
        const struct patch p = {
            dy + tile / per_image * s->output[1] * s->output[2] * c, (ptrdiff_t)(4 * ty), (ptrdiff_t)(4 * tx),
            (ptrdiff_t)s->output[1], (ptrdiff_t)s->output[2], s->output[2] * c, c};
        size_t i = 0;
        for (; i + LANES <= c; i += LANES) gradient_lanes(&p, i, LANES, v, step);
        if (i < c) gradient_lanes(&p, i, c - i, v, step);
    }
}

INLINE void output_lanes(
    const float *m, size_t step, size_t c, size_t width, size_t rows, size_t columns, float *y, size_t row, size_t column,
    const float *bias, const float *residual, int relu) {
    lane d[6], e[24], f[4];
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 6; j++) load(d + j, m + (i * 6 + j) * step + c, width);
        output(d, 1, e + 4 * i, 1);
    }
    lane shift = {0}, more;
    if (bias) load(&shift, bias + c, width);
    lane g[16];
    for (int x = 0; x < 4; x++) {
        output(e + x, 4, f, 1);
        for (int i = 0; i < 4; i++) g[4 * i + x] = f[i] + shift;
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            lane v = g[4 * i + j];
            const size_t place = i * row + j * column + c;
            if (residual) {
                load(&more, residual + place, width);
                v += more;
            }
            if (relu) v = (lane)((mask)v & ~(v < 0)); /* NaN stays */
            store(y + place, &v, width);
        }
}

CLONES void tfs_winograd_output(
    const struct tfs_window *s, size_t first, size_t count, const float *m, size_t step, const float *bias,
    const float *residual, int relu, float *y) {
    const size_t c = s->channels_out, per_image = down(s) * across(s), row = s->output[2] * c;
    for (size_t tile = first; tile < first + count; tile++, m += c) {
        const size_t ty = tile % per_image / across(s), tx = tile % across(s);
        const size_t place = tile / per_image * s->output[1] * row + 4 * ty * row + 4 * tx * c;
        const size_t rows = smaller(4, s->output[1] - 4 * ty), columns = smaller(4, s->output[2] - 4 * tx);
        const float *more = residual ? residual + place : NULL;
        size_t i = 0;
        for (; i + LANES <= c; i += LANES) output_lanes(m, step, i, LANES, rows, columns, y + place, row, c, bias, more, relu);
        if (i < c) output_lanes(m, step, i, c - i, rows, columns, y + place, row, c, bias, more, relu);
    }
}

void tfs_winograd_turn(size_t tap, size_t in, size_t out, const float *w, float *turned) {
    w += tap * in * out, turned += (8 - tap) * in * out;
    /* In blocks, or each value would cost a cache line. */
    for (size_t i0 = 0; i0 < in; i0 += 16)
        for (size_t o0 = 0; o0 < out; o0 += 16)
            for (size_t i = i0; i < smaller(i0 + 16, in); i++)
                for (size_t o = o0; o < smaller(o0 + 16, out); o++) turned[o * in + i] = w[i * out + o];
}

INLINE void kernel_lanes(const float *w, size_t n, size_t width, float *u, size_t step) {
    lane g[9], e[18], f[6];
    for (size_t i = 0; i < 9; i++) load(g + i, w + i * n, width);
    for (int x = 0; x < 3; x++) kernel(g + x, 3, e + x, 3);
    for (size_t y = 0; y < 6; y++) {
        kernel(e + 3 * y, 1, f, 1);
        for (size_t x = 0; x < 6; x++) store(u + (y * 6 + x) * step, f + x, width);
    }
}

CLONES void tfs_winograd_kernel(size_t first, size_t count, size_t n, const float *w, float *u, size_t step) {
    size_t i = first;
    for (; i + LANES <= first + count; i += LANES) kernel_lanes(w + i, n, LANES, u + i, step);
    if (i < first + count) kernel_lanes(w + i, n, first + count - i, u + i, step);
}

INLINE void kernel_gradient_lanes(const float *u, size_t step, size_t n, size_t width, float *dw) {
    lane d[6], e[18], f[3];
    for (size_t y = 0; y < 6; y++) {
        for (size_t x = 0; x < 6; x++) load(d + x, u + (y * 6 + x) * step, width);
        kernel_gradient(d, 1, e + 3 * y, 1);
    }
    for (size_t x = 0; x < 3; x++) {
        kernel_gradient(e + x, 3, f, 1);
        for (size_t y = 0; y < 3; y++) store(dw + (y * 3 + x) * n, f + y, width);
    }
}

CLONES void tfs_winograd_kernel_gradient(size_t first, size_t count, const float *u, size_t step, size_t n, float *dw) {
    size_t i = first;
    for (; i + LANES <= first + count; i += LANES) kernel_gradient_lanes(u + i, step, n, LANES, dw + i);
    if (i < first + count) kernel_gradient_lanes(u + i, step, n, first + count - i, dw + i);
}
