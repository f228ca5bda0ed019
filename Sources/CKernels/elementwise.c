/* Element-wise kernels: the lists map.inc and zip.inc as loops over f32, f64, i32, i64 and bool. Narrower integers
 * are computed as i32 and halves as f32, a tile at a time. */
#define _GNU_SOURCE
#include "vector.h"
#include <tgmath.h>

/* What the formulas use, for floats. */
static inline double lgamma_f64(double v) { int sign; extern double lgamma_r(double, int *); return lgamma_r(v, &sign); }
static inline float lgamma_f32(float v) { int sign; extern float lgammaf_r(float, int *); return lgammaf_r(v, &sign); }

/* ψ(v): reflection below 0.5, recurrence up to 10, then the asymptotic series (error below 1e-15 there). */
static double digamma_f64(double v) {
    double less = 0;
    if (v == 0) return -copysign(INFINITY, v);
    if (v < 0.5) {
        if (v == floor(v)) return NAN;
        /* tan of the fraction only: π times a large number would lose its fraction */
        less = M_PI / tan(M_PI * (v - floor(v)));
        v = 1 - v;
    }
    double sum = 0;
    for (; v < 10; v += 1) sum -= 1 / v;
    const double r = 1 / v, s = r * r;
    const double series = s * (1.0 / 12 - s * (1.0 / 120 - s * (1.0 / 252 - s * (1.0 / 240 - s * (1.0 / 132 - s * (691.0 / 32760 - s / 12))))));
    return sum + log(v) - 0.5 * r - series - less;
}
static float digamma_f32(float v) { return (float)digamma_f64((double)v); }

#define FLOAT_FUNCTIONS(T, S) \
    static inline T abs_##S(T v) { return fabs(v); } \
    static inline T sign_##S(T v) { return v > 0 ? 1 : v < 0 ? -1 : v; } \
    static inline T max_##S(T a, T b) { return a >= b || a != a ? a : b; } \
    static inline T min_##S(T a, T b) { return a <= b || a != a ? a : b; } \
    static inline T mod_##S(T a, T b) { const T r = fmod(a, b); return r != 0 && (r < 0) != (b < 0) ? r + b : r; } \
    static inline T floordiv_##S(T a, T b) { \
        if (b == 0) return a / b; \
        const T q = (a - mod_##S(a, b)) / b, whole = floor(q); \
        return q - whole > (T)0.5 ? whole + 1 : whole;     /* q is whole but for rounding */ \
    }
FLOAT_FUNCTIONS(float, f32)
FLOAT_FUNCTIONS(double, f64)

/* And for integers, which wrap around (-fwrapv). A zero divisor was found beforehand. */
#define INTEGER_FUNCTIONS(T, U, S) \
    static inline T abs_##S(T v) { return v < 0 ? -v : v; } \
    static inline T sign_##S(T v) { return (T)((v > 0) - (v < 0)); } \
    static inline T max_##S(T a, T b) { return a >= b ? a : b; } \
    static inline T min_##S(T a, T b) { return a <= b ? a : b; } \
    /* -1 apart: the lowest number by -1 traps */ \
    static inline T mod_##S(T a, T b) { if (b == -1 || b == 0) return 0; const T r = a % b; return r != 0 && (r < 0) != (b < 0) ? r + b : r; } \
    static inline T floordiv_##S(T a, T b) { \
        if (b == -1) return -a; \
        if (b == 0) return 0; \
        const T q = a / b; \
        return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q; \
    } \
    static inline T pow_##S(T a, T b) { \
        if (b < 0) return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0; \
        T r = 1; \
        for (; b > 0; b >>= 1, a *= a) if (b & 1) r *= a; \
        return r; \
    } \
    static inline T shl_##S(T a, T b) { return b < 0 || b >= (T)(8 * sizeof(T)) ? 0 : (T)((U)a << b); } \
    static inline T shr_##S(T a, T b) { return b < 0 || b >= (T)(8 * sizeof(T)) ? (a < 0 ? -1 : 0) : a >> b; }
INTEGER_FUNCTIONS(int32_t, uint32_t, i32)
INTEGER_FUNCTIONS(int64_t, uint64_t, i64)

#define C(x) ((T)(x))
#define ABS(v) N(abs)(v)
#define SIGN(v) N(sign)(v)
#define EXP(v) N(exp)(v)
#define EXP2(v) N(exp2)(v)
#define EXPM1(v) N(expm1)(v)
#define LOG(v) N(log)(v)
#define LOG1P(v) N(log1p)(v)
#define LOG2(v) N(log2)(v)
#define LOG10(v) N(log10)(v)
#define SIN(v) N(sin)(v)
#define COS(v) N(cos)(v)
#define TAN(v) N(tan)(v)
#define ATAN(v) N(atan)(v)
#define SINH(v) N(sinh)(v)
#define COSH(v) N(cosh)(v)
#define TANH(v) N(tanh)(v)
#define ERF(v) N(erf)(v)
#define ERFC(v) N(erfc)(v)
#define SIGMOID(v) N(sigmoid)(v)
#define SOFTPLUS(v) N(softplus)(v)
#define SILU(v) N(silu)(v)
#define GELU(v) N(gelu)(v)
#define GELU_TANH(v) N(gelu_tanh)(v)
#define MISH(v) N(mish)(v)
#define DIGAMMA(v) N(digamma)(v)
#define LGAMMA(v) N(lgamma)(v)
#define MAX(a, b) N(max)(a, b)
#define MIN(a, b) N(min)(a, b)
#define MOD(a, b) N(mod)(a, b)
#define FLOORDIV(a, b) N(floordiv)(a, b)
#define POW(a, b) N(pow)(a, b)
#define SHL(a, b) N(shl)(a, b)
#define SHR(a, b) N(shr)(a, b)

#define FLOATS 1
#define INTEGERS 0
#define T float
#define N(name) name##_f32
#include "elementwise.inc"
#undef T
#undef N
#define T double
#define N(name) name##_f64
#include "elementwise.inc"
#undef T
#undef N
#undef FLOATS
#undef INTEGERS
#define FLOATS 0
#define INTEGERS 1
#define T int32_t
#define N(name) name##_i32
#include "elementwise.inc"
#undef T
#undef N
#define T int64_t
#define N(name) name##_i64
#include "elementwise.inc"
#undef T
#undef N
#undef INTEGERS
#define INTEGERS 0
#undef SHL
#undef SHR
#define SHL(a, b) ((a) & !(b))
#define SHR(a, b) ((a) & !(b))
#define T uint8_t
#define N(name) name##_bool
#include "elementwise.inc"
#undef T
#undef N

static bool map_tests(enum tfs_map op) {
    switch (op) {
#define MAP(name, f) case tfs_map_##name: return false;
#define MAP_TEST(name, f) case tfs_map_##name: return true;
#include "map.inc"
#undef MAP
    }
}
static bool zip_tests(enum tfs_zip op) {
    switch (op) {
#define ZIP(name, f) case tfs_zip_##name: return false;
#define ZIP_TEST(name, f) case tfs_zip_##name: return true;
#include "zip.inc"
#undef ZIP
    }
}
/* The dtype that a narrower one is computed in. */
static enum tfs_dtype wide(enum tfs_dtype dtype) {
    switch (dtype) {
    case tfs_u8: case tfs_i8: case tfs_i16: return tfs_i32;
    case tfs_f16: case tfs_bf16: return tfs_f32;
    case tfs_bool: case tfs_i32: case tfs_i64: case tfs_f32: case tfs_f64: return dtype;
    }
}
/* Whether an element is beyond what sin_f32, cos_f32 and tan_f32 can take. */
CLONES static bool beyond_trig(const float *x, size_t n) {
    int32_t largest = 0;
    EACH(i, n) {
        const int32_t size = (int32_t)(tfs_float_bits(x[i]) & 0x7fffffff);     /* orders as the numbers do */
        largest = size > largest ? size : largest;
    }
    return largest > (int32_t)tfs_float_bits(TRIG_LIMIT);
}
/* As map_f32, but the rare large arguments of sin, cos and tan go to libm. */
static void map_any_f32(enum tfs_map op, const float *x, float *y, size_t n) {
    if (op != tfs_map_sin && op != tfs_map_cos && op != tfs_map_tan) { map_f32(op, x, y, n); return; }
    for (size_t i = 0; i < n; i += TILE) {
        const size_t m = n - i < TILE ? n - i : TILE;
        if (!beyond_trig(x + i, m)) { map_f32(op, x + i, y + i, m); continue; }
        for (size_t j = i; j < i + m; j++) {
            const float v = x[j];
            if (!(fabs(v) > TRIG_LIMIT)) map_f32(op, &v, y + j, 1);
            else y[j] = op == tfs_map_sin ? sin(v) : op == tfs_map_cos ? cos(v) : tan(v);
        }
    }
}
static const char *at(const void *x, size_t bytes) { return (const char *)x + bytes; }

void tfs_map(enum tfs_map op, enum tfs_dtype dtype, const void *x, void *y, size_t n) {
    switch (dtype) {
    case tfs_bool: map_bool(op, x, y, n); return;
    case tfs_i32: map_i32(op, x, y, n); return;
    case tfs_i64: map_i64(op, x, y, n); return;
    case tfs_f32: map_any_f32(op, x, y, n); return;
    case tfs_f64: map_f64(op, x, y, n); return;
    case tfs_u8: case tfs_i8: case tfs_i16: case tfs_f16: case tfs_bf16: break;
    }
    const enum tfs_dtype w = wide(dtype);
    const size_t in = tfs_size(dtype), out = map_tests(op) ? 1 : in;
    char tile[TILE * 4], result[TILE * 4];
    for (size_t i = 0; i < n; i += TILE) {
        const size_t m = n - i < TILE ? n - i : TILE;
        tfs_cast(dtype, at(x, i * in), w, tile, m);
        tfs_map(op, w, tile, result, m);
        if (map_tests(op)) memcpy((char *)y + i, result, m);
        else tfs_cast(w, result, dtype, (char *)y + i * out, m);
    }
}

void tfs_zip(enum tfs_zip op, enum tfs_dtype dtype, const void *a, const void *b, void *y, size_t n) {
    switch (dtype) {
    case tfs_bool: zip_bool(op, a, b, y, n); return;
    case tfs_i32: zip_i32(op, a, b, y, n); return;
    case tfs_i64: zip_i64(op, a, b, y, n); return;
    case tfs_f32: zip_f32(op, a, b, y, n); return;
    case tfs_f64: zip_f64(op, a, b, y, n); return;
    case tfs_u8: case tfs_i8: case tfs_i16: case tfs_f16: case tfs_bf16: break;
    }
    const enum tfs_dtype w = wide(dtype);
    const size_t in = tfs_size(dtype), out = zip_tests(op) ? 1 : in;
    char p[TILE * 4], q[TILE * 4], result[TILE * 4];
    for (size_t i = 0; i < n; i += TILE) {
        const size_t m = n - i < TILE ? n - i : TILE;
        tfs_cast(dtype, at(a, i * in), w, p, m);
        tfs_cast(dtype, at(b, i * in), w, q, m);
        tfs_zip(op, w, p, q, result, m);
        if (zip_tests(op)) memcpy((char *)y + i, result, m);
        else tfs_cast(w, result, dtype, (char *)y + i * out, m);
    }
}

static void repeat(size_t size, const void *value, void *y, size_t n) {
    switch (size) {
    case 1: memset(y, *(const uint8_t *)value, n); return;
    case 2: { const uint16_t v = *(const uint16_t *)value; EACH(i, n) ((uint16_t *)y)[i] = v; return; }
    case 4: { const uint32_t v = *(const uint32_t *)value; EACH(i, n) ((uint32_t *)y)[i] = v; return; }
    default: { const uint64_t v = *(const uint64_t *)value; EACH(i, n) ((uint64_t *)y)[i] = v; return; }
    }
}

void tfs_zip_scalar(enum tfs_zip op, enum tfs_dtype dtype, const void *a, const void *b, bool a_is_scalar, void *y, size_t n) {
    const size_t in = tfs_size(dtype), out = zip_tests(op) ? 1 : in;
    uint64_t tile[TILE];
    repeat(in, a_is_scalar ? a : b, tile, n < TILE ? n : TILE);
    for (size_t i = 0; i < n; i += TILE) {
        const size_t m = n - i < TILE ? n - i : TILE;
        const void *p = a_is_scalar ? (const void *)tile : at(a, i * in), *q = a_is_scalar ? at(b, i * in) : (const void *)tile;
        tfs_zip(op, dtype, p, q, (char *)y + i * out, m);
    }
}

/* Casts. A float outside an integer's range goes to the nearest end and nan to 0, where C would leave it open. */
static inline int64_t to_i64(double v) {
    return v != v ? 0 : v >= 0x1p63 ? INT64_MAX : v < -0x1p63 ? INT64_MIN : (int64_t)v;
}
static inline int32_t to_i32(double v) { return v != v ? 0 : v >= 0x1p31 ? INT32_MAX : v < -0x1p31 ? INT32_MIN : (int32_t)v; }
#define SAME(v) (v)
#define TRUTH(v) ((v) != 0)
#define HALF(v) tfs_from_f16(v)
#define BRAIN(v) tfs_from_bf16(v)
#define TO_HALF(v) tfs_to_f16((float)(v))
#define TO_BRAIN(v) tfs_to_bf16((float)(v))
#define NARROW(v) to_i32((double)(v))
#define LONG(v) to_i64((double)(v))
#define LOOP(TO, f) { TO *r = y; EACH(i, n) r[i] = (TO)(f); return; }
#define CASTS(FROM, S, v, integer32, integer64) \
    CLONES static void cast_##S(const FROM *x, enum tfs_dtype to, void *y, size_t n) { \
        switch (to) { \
        case tfs_bool: LOOP(uint8_t, TRUTH(v(x[i]))) \
        case tfs_u8: LOOP(uint8_t, integer32(v(x[i]))) \
        case tfs_i8: LOOP(int8_t, integer32(v(x[i]))) \
        case tfs_i16: LOOP(int16_t, integer32(v(x[i]))) \
        case tfs_i32: LOOP(int32_t, integer32(v(x[i]))) \
        case tfs_i64: LOOP(int64_t, integer64(v(x[i]))) \
        case tfs_f16: LOOP(uint16_t, TO_HALF(v(x[i]))) \
        case tfs_bf16: LOOP(uint16_t, TO_BRAIN(v(x[i]))) \
        case tfs_f32: LOOP(float, v(x[i])) \
        case tfs_f64: LOOP(double, v(x[i])) \
        } \
    }
CASTS(uint8_t, u8, SAME, SAME, SAME)
CASTS(int8_t, i8, SAME, SAME, SAME)
CASTS(int16_t, i16, SAME, SAME, SAME)
CASTS(int32_t, i32, SAME, SAME, SAME)
CASTS(int64_t, i64, SAME, SAME, SAME)
CASTS(uint16_t, f16, HALF, NARROW, LONG)
CASTS(uint16_t, bf16, BRAIN, NARROW, LONG)
CASTS(float, f32, SAME, NARROW, LONG)
CASTS(double, f64, SAME, NARROW, LONG)

void tfs_cast(enum tfs_dtype from, const void *x, enum tfs_dtype to, void *y, size_t n) {
    if (from == to) { memcpy(y, x, n * tfs_size(from)); return; }
    switch (from) {
    case tfs_bool: case tfs_u8: cast_u8(x, to, y, n); return;
    case tfs_i8: cast_i8(x, to, y, n); return;
    case tfs_i16: cast_i16(x, to, y, n); return;
    case tfs_i32: cast_i32(x, to, y, n); return;
    case tfs_i64: cast_i64(x, to, y, n); return;
    case tfs_f16: cast_f16(x, to, y, n); return;
    case tfs_bf16: cast_bf16(x, to, y, n); return;
    case tfs_f32: cast_f32(x, to, y, n); return;
    case tfs_f64: cast_f64(x, to, y, n); return;
    }
}

#define SELECT(U) { const U *p = a, *q = b; U *r = y; EACH(i, n) r[i] = c[i] ? p[i] : q[i]; return; }
CLONES void tfs_select(size_t size, const uint8_t *c, const void *a, const void *b, void *y, size_t n) {
    switch (size) {
    case 1: SELECT(uint8_t)
    case 2: SELECT(uint16_t)
    case 4: SELECT(uint32_t)
    default: SELECT(uint64_t)
    }
}

/* Blocks without a find have no early way out, so that they are vectors. */
#define FIND(U, test) { \
    const U *p = x; \
    size_t i = 0; \
    for (; i + 256 <= n; i += 256) { \
        bool any = false; \
        for (size_t j = i; j < i + 256; j++) { const U v = p[j]; any |= (test); } \
        if (any) break; \
    } \
    for (; i < n; i++) { const U v = p[i]; if (test) return i; } \
    return TFS_FINE; \
}
size_t tfs_find_zero(enum tfs_dtype dtype, const void *x, size_t n) {
    switch (dtype) {
    case tfs_bool: case tfs_u8: case tfs_i8: FIND(uint8_t, v == 0)
    case tfs_i16: FIND(uint16_t, v == 0)
    case tfs_i32: FIND(uint32_t, v == 0)
    case tfs_i64: FIND(uint64_t, v == 0)
    case tfs_f16: case tfs_bf16: FIND(uint16_t, (v & 0x7fff) == 0)
    case tfs_f32: FIND(float, v == 0)
    case tfs_f64: FIND(double, v == 0)
    }
}
size_t tfs_find_nonfinite(enum tfs_dtype dtype, const void *x, size_t n) {
    switch (dtype) {
    case tfs_bool: case tfs_u8: case tfs_i8: case tfs_i16: case tfs_i32: case tfs_i64: return TFS_FINE;
    case tfs_f16: FIND(uint16_t, (v & 0x7c00) == 0x7c00)
    case tfs_bf16: FIND(uint16_t, (v & 0x7f80) == 0x7f80)
    case tfs_f32: FIND(float, !isfinite(v))
    case tfs_f64: FIND(double, !isfinite(v))
    }
}
