/* What the kernels share: dtypes as C types, their conversions, instruction sets. */
#ifndef TFS_TYPES_H
#define TFS_TYPES_H
#include "kernels.h"
#include <limits.h>
#include <string.h>

/* One body for three instruction sets, chosen when the program is loaded. */
#if defined(__x86_64__) && defined(__linux__)
#define CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define CLONES
#endif
/* Each iteration reads and writes its own place: x may be y, but never y shifted. */
#define EACH(i, n) _Pragma("clang loop vectorize(assume_safety)") for (size_t i = 0; i < (n); i++)
/* For what a loop must not call, or it would not vectorise. */
#define INLINE static inline __attribute__((always_inline))
#define TILE 512

static inline size_t tfs_size(enum tfs_dtype dtype) {
    switch (dtype) {
    case tfs_bool: case tfs_u8: case tfs_i8: return 1;
    case tfs_i16: case tfs_f16: case tfs_bf16: return 2;
    case tfs_i32: case tfs_f32: return 4;
    case tfs_i64: case tfs_f64: return 8;
    }
}
static inline float tfs_bits_float(uint32_t u) { float f; memcpy(&f, &u, 4); return f; }
static inline uint32_t tfs_float_bits(float f) { uint32_t u; memcpy(&u, &f, 4); return u; }

static inline float tfs_from_bf16(uint16_t h) { return tfs_bits_float((uint32_t)h << 16); }
static inline uint16_t tfs_to_bf16(float f) {
    const uint32_t u = tfs_float_bits(f);
    if (f != f) return (uint16_t)(u >> 16 | 0x40);      /* rounding up could turn nan into inf */
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
static inline float tfs_from_f16(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = (uint32_t)(h & 0x7fff) << 13;
    /* Scaling by 2^112 moves the exponent's bias and normalises subnormals; inf and nan keep all-ones. */
    const float scaled = tfs_bits_float(rest) * 0x1p112f;
    return tfs_bits_float(sign | ((h & 0x7c00) == 0x7c00 ? (rest | 0x7f800000) : tfs_float_bits(scaled)));
}
static inline uint16_t tfs_to_f16(float f) {
    const uint32_t u = tfs_float_bits(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    if (a > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (a >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
    if (a < 0x38800000)                                  /* subnormal: the adder rounds at 2^-24 */
        return (uint16_t)(sign | (tfs_float_bits(tfs_bits_float(a) + 0.5f) - 0x3f000000));
    return (uint16_t)(sign | ((a - 0x38000000 + 0xfff + (a >> 13 & 1)) >> 13));
}
#endif
