/* Random numbers by counting: Philox4x32-10 (Salmon et al. 2011), so that element i of a draw is a function of the
 * draw's key, the step and i, whatever the order or number of threads. */
#include "vector.h"

uint64_t tfs_mix(uint64_t a, uint64_t b) {
    /* SplitMix64's finisher over both. */
    uint64_t z = a * 0x9e3779b97f4a7c15u + b + 0x632be59bd9b4e019u;
    for (int i = 0; i < 2; i++) {
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        z += a;
    }
    return z;
}

uint64_t tfs_digest(uint64_t start, const void *x, size_t bytes) {
    /* Four lanes, as xxHash has them, so that multiplications do not wait for each other. */
    const uint64_t odd = 0x9e3779b97f4a7c15u, other = 0xc2b2ae3d27d4eb4fu;
    const uint8_t *p = x;
    uint64_t lanes[4] = {start, start + odd, start ^ other, ~start};
    size_t i = 0;
    for (; i + 32 <= bytes; i += 32)
        for (size_t lane = 0; lane < 4; lane++) {
            uint64_t word;
            memcpy(&word, p + i + 8 * lane, 8);
            const uint64_t mixed = lanes[lane] ^ word * odd;
            lanes[lane] = (mixed << 31 | mixed >> 33) * other;
        }
    uint64_t digest = bytes;
    for (size_t lane = 0; lane < 4; lane++) digest = tfs_mix(digest, lanes[lane]);
    for (; i < bytes; i++) digest = (digest ^ p[i]) * 0x100000001b3u;
    return tfs_mix(digest, bytes);
}

typedef struct { uint32_t v[4]; } block;

/* Words of 32 bits in lanes of 64, so that a vector of counters multiplies without moving its halves apart. */
INLINE block philox(uint64_t key, uint64_t counter, uint64_t step) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint64_t c0 = (uint32_t)counter, c1 = counter >> 32, c2 = (uint32_t)step, c3 = step >> 32;
#pragma clang loop unroll(full)
    for (int round = 0; round < 10; round++) {
        const uint64_t p = 0xd2511f53u * c0, q = 0xcd9e8d57u * c2;
        c0 = q >> 32 ^ c1 ^ k0;
        c2 = p >> 32 ^ c3 ^ k1;
        c1 = (uint32_t)q;
        c3 = (uint32_t)p;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    return (block){{(uint32_t)c0, (uint32_t)c1, (uint32_t)c2, (uint32_t)c3}};
}

/* Uniform in [0, 1): the upper bits, so that 1 is never reached by rounding. */
INLINE float unit_f32(uint32_t u) { return (float)(u >> 8) * 0x1p-24f; }
INLINE double unit_f64(uint32_t high, uint32_t low) { return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53; }

CLONES static void uniform_f32(uint64_t key, uint64_t step, uint64_t first, float *y, size_t n) {
    const uint64_t counter = first / 4;
    EACH(j, n / 4) {
        const block b = philox(key, counter + j, step);
        for (size_t k = 0; k < 4; k++) y[4 * j + k] = unit_f32(b.v[k]);
    }
    const block b = philox(key, counter + n / 4, step);
    for (size_t k = 0; k < n % 4; k++) y[n / 4 * 4 + k] = unit_f32(b.v[k]);
}
CLONES static void uniform_f64(uint64_t key, uint64_t step, uint64_t first, double *y, size_t n) {
    const uint64_t counter = first / 2;
    EACH(j, n / 2) {
        const block b = philox(key, counter + j, step);
        for (size_t k = 0; k < 2; k++) y[2 * j + k] = unit_f64(b.v[2 * k], b.v[2 * k + 1]);
    }
    const block b = philox(key, counter + n / 2, step);
    if (n % 2) y[n - 1] = unit_f64(b.v[0], b.v[1]);
}
/* Narrower floats are those of f32, rounded down so as to stay below 1. */
static void uniform_half(enum tfs_dtype dtype, uint64_t key, uint64_t step, uint64_t first, void *y, size_t n) {
    float tile[TILE];
    const float units = dtype == tfs_f16 ? 2048 : 256;
    for (size_t i = 0; i < n; i += TILE) {
        const size_t m = n - i < TILE ? n - i : TILE;
        uniform_f32(key, step, first + i, tile, m);
        for (size_t j = 0; j < m; j++) tile[j] = floorf(tile[j] * units) / units;
        tfs_cast(tfs_f32, tile, dtype, (char *)y + i * 2, m);
    }
}
void tfs_random_uniform_range(enum tfs_dtype dtype, uint64_t key, uint64_t step, uint64_t first, void *y, size_t n) {
    switch (dtype) {
    case tfs_f32: uniform_f32(key, step, first, y, n); return;
    case tfs_f64: uniform_f64(key, step, first, y, n); return;
    case tfs_f16: case tfs_bf16: uniform_half(dtype, key, step, first, y, n); return;
    case tfs_bool: case tfs_u8: case tfs_i8: case tfs_i16: case tfs_i32: case tfs_i64: return;
    }
}

/* Two standard normals from two uniforms (Box and Muller 1958); 1 - u keeps the logarithm finite. */
INLINE void normals_f32(block b, float *z) {
    for (int i = 0; i < 4; i += 2) {
        const float r = sqrtf(-2 * log_f32(1 - unit_f32(b.v[i]))), a = 6.28318530717958648f * unit_f32(b.v[i + 1]);
        z[i] = r * cos_f32(a);
        z[i + 1] = r * sin_f32(a);
    }
}
INLINE void normals_f64(block b, double *z) {
    const double r = sqrt(-2 * log_f64(1 - unit_f64(b.v[0], b.v[1]))), a = 2 * M_PI * unit_f64(b.v[2], b.v[3]);
    z[0] = r * cos_f64(a);
    z[1] = r * sin_f64(a);
}
#define NORMAL(T, S, per) \
    CLONES static void normal_##S(uint64_t key, uint64_t step, bool truncated, T *y, size_t n) { \
        EACH(j, n / per) normals_##S(philox(key, j, step), y + per * j); \
        T last[per]; \
        normals_##S(philox(key, n / per, step), last); \
        for (size_t k = 0; k < n % per; k++) y[n / per * per + k] = last[k]; \
        if (!truncated) return; \
        /* Draws outside ±2 are drawn again under another key. */ \
        for (size_t i = 0; i < n; i++) \
            for (uint64_t again = 1; y[i] < -2 || y[i] > 2; again++) { \
                T other[per]; \
                normals_##S(philox(tfs_mix(key, again), i, step), other); \
                y[i] = other[0]; \
            } \
    }
NORMAL(float, f32, 4)
NORMAL(double, f64, 2)

void tfs_random_normal(enum tfs_dtype dtype, uint64_t key, uint64_t step, bool truncated, void *y, size_t n) {
    switch (dtype) {
    case tfs_f32: normal_f32(key, step, truncated, y, n); return;
    case tfs_f64: normal_f64(key, step, truncated, y, n); return;
    case tfs_f16: case tfs_bf16:
        for (size_t i = 0; i < n; i += TILE) {
            float tile[TILE];
            const size_t m = n - i < TILE ? n - i : TILE;
            normal_f32(tfs_mix(key, i), step, truncated, tile, m);
            tfs_cast(tfs_f32, tile, dtype, (char *)y + i * 2, m);
        }
        return;
    case tfs_bool: case tfs_u8: case tfs_i8: case tfs_i16: case tfs_i32: case tfs_i64: return;
    }
}

/* Below `width` without bias worth noting: the high half of a 64-bit product (bias under width / 2^64). */
static inline uint64_t below(uint64_t u, uint64_t width) {
    return width == 0 ? u : (uint64_t)((unsigned __int128)u * width >> 64);
}
void tfs_random_int(enum tfs_dtype dtype, uint64_t key, uint64_t step, int64_t lowest, uint64_t width, void *y, size_t n) {
    int64_t tile[TILE];
    for (size_t i = 0; i < n; i += TILE) {
        const size_t m = n - i < TILE ? n - i : TILE;
        for (size_t j = 0; j < m; j++) {
            const block b = philox(key, (i + j) / 2, step);
            const size_t half = (i + j) % 2 * 2;
            tile[j] = (int64_t)((uint64_t)lowest + below((uint64_t)b.v[half] << 32 | b.v[half + 1], width));
        }
        tfs_cast(tfs_i64, tile, dtype, (char *)y + i * tfs_size(dtype), m);
    }
}

void tfs_random_permutation(uint64_t key, uint64_t step, int32_t *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = (int32_t)i;
    for (size_t i = n; i-- > 1;) {
        const block b = philox(key, i, step);
        const size_t j = (size_t)below((uint64_t)b.v[0] << 32 | b.v[1], i + 1);
        const int32_t t = y[i];
        y[i] = y[j];
        y[j] = t;
    }
}
