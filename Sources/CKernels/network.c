#include "network.h"
#include "vector.h"

/* One body per instruction set, picked when the program is loaded. */
#if defined(__x86_64__) && defined(__linux__)
#define MULTI __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
/* Where the code differs: for 32 registers of 64 bytes, and for others. */
#define WIDEST __attribute__((target("arch=x86-64-v4")))
#define NARROWER __attribute__((target_clones("arch=x86-64-v3", "default")))
static inline int is_widest(void) { return __builtin_cpu_supports("x86-64-v4"); }
#else
#define MULTI
#define WIDEST
#define NARROWER
static inline int is_widest(void) { return 0; }
#endif
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define F(name) JOIN(name, SUFFIX)

enum { LANES = 64 };

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Where tap k of output o lies on an axis; a position in the padding comes out at or above input[axis]. */
static inline size_t position(const struct tfs_window *s, int axis, size_t o, size_t k) {
    return o * s->stride[axis] + k * s->dilation[axis] - s->before[axis];
}

/* Runs the body for each output position `at` of an image, with o0, o1, o2. */
#define FOR_OUTPUTS(s)                                                                                                 \
    for (size_t o0 = 0, at = 0; o0 < (s)->output[0]; o0++)                                                             \
        for (size_t o1 = 0; o1 < (s)->output[1]; o1++)                                                                 \
            for (size_t o2 = 0; o2 < (s)->output[2]; o2++, at++)

/* Runs the body for each tap `tap` of the window at o0, o1, o2 that is not padding, with the input position `in`. */
#define FOR_TAPS(s)                                                                                                    \
    for (size_t k0 = 0, i0; k0 < (s)->kernel[0]; k0++)                                                                 \
        if ((i0 = position(s, 0, o0, k0)) < (s)->input[0])                                                             \
            for (size_t k1 = 0, i1; k1 < (s)->kernel[1]; k1++)                                                         \
                if ((i1 = position(s, 1, o1, k1)) < (s)->input[1])                                                     \
                    for (size_t k2 = 0, i2, in, tap; k2 < (s)->kernel[2]; k2++)                                        \
                        if ((i2 = position(s, 2, o2, k2)) < (s)->input[2] &&                                           \
                            (in = (i0 * (s)->input[1] + i1) * (s)->input[2] + i2,                                      \
                             tap = (k0 * (s)->kernel[1] + k1) * (s)->kernel[2] + k2, 1))

static inline size_t volume(const size_t *sizes) { return sizes[0] * sizes[1] * sizes[2]; }

bool tfs_pools_pairs(const struct tfs_window *s) {
    bool found = s->kernel[0] == 1 && s->output[0] == s->input[0] && s->before[0] == 0 && s->stride[0] == 1;
    for (int axis = 1; axis < 3; axis++)
        found = found && s->kernel[axis] == 2 && s->stride[axis] == 2 && s->before[axis] == 0 && 2 * s->output[axis] <= s->input[axis];
    return found;
}

void tfs_patches_f32(const struct tfs_window *s, size_t first, size_t count, const float *x, float *y) {
    size_t c = s->channels_in, outputs = volume(s->output), patch = volume(s->kernel) * c;
    memset(y, 0, count * patch * sizeof *y);
    for (size_t row = first; row < first + count; row++, y += patch) {
        const float *image = x + row / outputs * volume(s->input) * c;
        size_t at = row % outputs, o2 = at % s->output[2], o1 = at / s->output[2] % s->output[1];
        size_t o0 = at / s->output[2] / s->output[1];
        FOR_TAPS(s) memcpy(y + tap * c, image + in * c, c * sizeof *y);
    }
}

MULTI void tfs_patches_sum_f32(const struct tfs_window *s, size_t image, size_t first, size_t count, const float *y, float *x) {
    size_t c = s->channels_in, outputs = volume(s->output), inputs = volume(s->input), patch = volume(s->kernel) * c;
    x += image * inputs * c + first;
    y += image * outputs * patch + first;
    for (size_t in = 0; in < inputs; in++) memset(x + in * c, 0, count * sizeof *x);
    FOR_OUTPUTS(s) FOR_TAPS(s)
        for (size_t i = 0; i < count; i++) x[in * c + i] += y[at * patch + tap * c + i];
}

#define T float
#define SUFFIX f32
#include "product.inc"
#include "network.inc"
#undef T
#undef SUFFIX
#define T double
#define SUFFIX f64
#include "product.inc"
#include "network.inc"
#undef T
#undef SUFFIX
#define T uint8_t
#define SUFFIX i8
#include "product.inc"
#undef T
#undef SUFFIX
#define T uint16_t
#define SUFFIX i16
#include "product.inc"
#undef T
#undef SUFFIX
#define T uint32_t
#define SUFFIX i32
#include "product.inc"
#undef T
#undef SUFFIX
#define T uint64_t
#define SUFFIX i64
#include "product.inc"
