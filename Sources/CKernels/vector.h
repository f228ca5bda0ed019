/* Mathematics for loops that vectorise: branch-free functions of one element, by polynomials and the bits of a float.
 *
 * Largest errors against the f64 function in units in the last place (ULP), measured over every third float and over
 * 20 million pairs for pow, with and without FMA:
 *
 *   log2, log10     0.51     sin, cos, atan          1.6     gelu     3.2
 *   log             0.9      sinh, softplus          1.7     tan      3.4
 *   exp, exp2, pow  1.0      erf                     1.9     mish     4.3
 *   tanh, cosh      1.5      sigmoid                 2.0
 *   expm1, log1p    1.5      erfc, silu, gelu_tanh   2.5
 *
 * Subnormals are results as others are. Infinities, nan and signed zeros come out as C demands; products with a
 * vanishing factor (silu, gelu, mish) go to 0 at -inf.
 *
 * An element gives the same bits wherever it stands in an array. Between instruction sets the last bit may differ:
 * a * b + c is one rounding where there is FMA. Every constant that a reduction multiplies has zeros enough at its end
 * for the product to be exact without it. */
#ifndef TFS_VECTOR_H
#define TFS_VECTOR_H
#include "types.h"
#include <math.h>

/* x within the clamp, nan as it is. */
INLINE float at_least(float low, float x) { return x < low ? low : x; }
INLINE float at_most(float high, float x) { return x > high ? high : x; }

/* Added to a number below 2^22, it leaves the nearest integer in the low bits of the sum. */
#define ROUNDER 12582912.0f
INLINE int32_t rounded(float sum) { return (int32_t)(tfs_float_bits(sum) - 0x4b400000u); }
INLINE float power_of_two(int32_t n) { return tfs_bits_float((uint32_t)(n + 127) << 23); }

/* p · 2^n, in two steps: n may be too large or too small for a float's exponent. */
typedef struct { float p; int32_t n; } scaled_f32;
INLINE float times(float factor, scaled_f32 x) {
    const int32_t half = x.n >> 1;
    return factor * x.p * power_of_two(half) * power_of_two(x.n - half);
}
INLINE float value(scaled_f32 x) { return times(1, x); }

/* e^r - 1 for |r| ≤ ln(2) / 2. */
INLINE float expm1_reduced(float r) {
    float q = 0.0001984588598f;
    q = q * r + 0.001394071965f;
    q = q * r + 0.008333389647f;
    q = q * r + 0.04166635871f;
    q = q * r + 0.1666666567f;
    q = q * r + 0.5f;
    return q * (r * r) + r;
}
/* v = n · ln 2 + r for |v| < 2^16. */
typedef struct { float r; int32_t n; } reduced_f32;
INLINE reduced_f32 reduced(float v) {
    const float sum = v * 1.44269504f + ROUNDER, n = sum - ROUNDER;
    return (reduced_f32){(v - n * 0.693145752f) - n * 1.42860677e-6f, rounded(sum)};
}
/* The same of a double: an error of half an ULP in an exponent v would be one of v / 2 ULP in the power. */
INLINE reduced_f32 reduced_wide(double v) {
    const float sum = (float)v * 1.44269504f + ROUNDER;
    return (reduced_f32){(float)(v - (double)(sum - ROUNDER) * 0.69314718055994530942), rounded(sum)};
}
INLINE scaled_f32 exp_scaled(reduced_f32 x) { return (scaled_f32){1 + expm1_reduced(x.r), x.n}; }
INLINE float exp_f32(float v) { return value(exp_scaled(reduced(at_most(89, at_least(-104, v))))); }
INLINE float exp2_f32(float v) {
    v = at_most(129, at_least(-151, v));
    const float sum = v + ROUNDER;
    return value((scaled_f32){1 + expm1_reduced((v - (sum - ROUNDER)) * 0.693147181f), rounded(sum)});
}
/* e^v - 1 for -87 ≤ v ≤ 0. */
INLINE float expm1_negative(float v) {
    const reduced_f32 x = reduced(v);
    const float scale = power_of_two(x.n);
    return scale * expm1_reduced(x.r) + (scale - 1);
}
INLINE float expm1_f32(float v) {
    const reduced_f32 x = reduced(at_most(89, at_least(-20, v)));
    const float half = power_of_two(x.n - 1);     /* 2^128 is no float */
    const float y = (half * expm1_reduced(x.r) + (half - 0.5f)) * 2;
    return fabsf(v) < 0x1p-25f ? v : y;           /* halving a subnormal is not exact */
}
INLINE float cosh_f32(float v) {
    scaled_f32 e = exp_scaled(reduced(at_most(90, fabsf(v))));
    e.n -= 1;                                     /* e^|v| alone would be infinite too soon */
    const float half = value(e);
    return half + 0.25f / half;
}
INLINE float sinh_f32(float v) {
    const float z = fabsf(v), s = z * z;
    scaled_f32 e = exp_scaled(reduced(at_most(90, z)));
    e.n -= 1;
    const float half = value(e);
    float p = 2.81695111e-06f;
    p = p * s + 0.0001983615948f;
    p = p * s + 0.0083333496f;
    p = p * s + 0.1666666716f;
    return copysignf(z < 1 ? p * s * z + z : half - 0.25f / half, v);
}
INLINE float tanh_f32(float v) {
    const float z = fabsf(v), s = z * z;
    const scaled_f32 e = exp_scaled(reduced(at_most(20, 2 * z)));
    const float far = 1 - 2 / (e.p * power_of_two(e.n) + 1);
    float p = -0.006198727991f;
    p = p * s + 0.02102055773f;
    p = p * s - 0.053840518f;
    p = p * s + 0.1333248019f;
    p = p * s - 0.3333331347f;
    return copysignf(z < 0.55f ? p * s * z + z : far, v);
}
/* sigmoid(-z) for z = n · ln 2 + r ≥ 0: 1 / (1 + e^z) with a factor of 2^n out of the sum. */
INLINE scaled_f32 sigmoid_reduced(reduced_f32 z) {
    const float one = power_of_two(z.n > 60 ? -60 : -z.n);       /* no longer counts, but 2^-150 is no float */
    return (scaled_f32){1 / (1 + (one + expm1_reduced(z.r))), -z.n};
}
INLINE float sigmoid_f32(float v) {
    const float y = value(sigmoid_reduced(reduced(at_most(104, fabsf(v)))));
    return v < 0 ? y : 1 - y;
}
/* v · share(v) from share(-|v|), where share(v) + share(-v) = 1; `near` is v, or in its place where share is 0 or 1. */
INLINE float gated(float v, float near, scaled_f32 share) {
    const float y = times(near, share);
    return v > 0 ? v - y : y;
}
INLINE float within(float limit, float v) { return at_least(-limit, at_most(limit, v)); }
INLINE float silu_f32(float v) {
    const float near = within(110, v);
    return gated(v, near, sigmoid_reduced(reduced(fabsf(near))));
}
INLINE float gelu_tanh_f32(float v) {
    const float near = within(11, v);
    const double z = (double)fabsf(near);
    return gated(v, near, sigmoid_reduced(reduced_wide(z * (1.5957691216057308 + 0.07135481627159629 * (z * z)))));
}
INLINE float mish_f32(float v) {
    const float z = at_least(-110, v);
    const scaled_f32 e = exp_scaled(reduced(at_most(20, z)));
    const float whole = value(e);                 /* tanh(log(1 + e)) = e · (e + 2) / (e · (e + 2) + 2) */
    return v > 20 ? v : times(z * ((whole + 2) / (whole * (whole + 2) + 2)), e);
}

/* log(1 + f) + k · ln 2 for 1 + f from √½ to √2. */
INLINE float log_reduced(float f, float k) {
    const float s = f * f;
    float p = 0.06746643782f;
    p = p * f - 0.1167565286f;
    p = p * f + 0.118881613f;
    p = p * f - 0.1240558848f;
    p = p * f + 0.1421955228f;
    p = p * f - 0.1666799635f;
    p = p * f + 0.2000211924f;
    p = p * f - 0.2500000894f;
    p = p * f + 0.3333331347f;
    return (p * (f * s) + k * 1.42860677e-6f - 0.5f * s) + f + k * 0.693145752f;
}
/* v = 2^k · (1 + f), 1 + f from √½ to √2; v is positive and finite. */
typedef struct { float f; int32_t k; } split_f32;
INLINE split_f32 split(float v) {
    const int small = v < 0x1p-126f;
    const uint32_t u = tfs_float_bits(small ? v * 0x1p23f : v);
    const int32_t k = (int32_t)(u - 0x3f3504f3u) >> 23;
    return (split_f32){tfs_bits_float(u - ((uint32_t)k << 23)) - 1, k - (small ? 23 : 0)};
}
/* y = log(v), but where v is not positive or not finite. */
INLINE float log_result(float v, float y) {
    return v > 0 ? (v == INFINITY ? v : y) : v == 0 ? -INFINITY : NAN;
}
INLINE float log_f32(float v) {
    const split_f32 x = split(v);
    return log_result(v, log_reduced(x.f, (float)x.k));
}
/* log(1 + v) for finite v > -1. Of 1 + v only the exponent is used, so that no digit of v is lost. */
INLINE float log1p_finite(float v) {
    const float u = 1 + v;
    const int32_t k = (int32_t)(tfs_float_bits(u) - 0x3f3504f3u) >> 23;
    const float m = tfs_bits_float(tfs_float_bits(u) - ((uint32_t)k << 23)), scale = power_of_two(-k);
    return log_reduced(k > 60 ? m - 1 : v * scale + (scale - 1), (float)k);
}
INLINE float log1p_f32(float v) {
    const float y = log_result(1 + v, log1p_finite(v));
    return fabsf(v) < 0x1p-25f ? v : y;           /* the sign of 0 */
}
/* log2(v) in double, relative error below 2^-40. */
INLINE double log2_wide(float v) {
    const split_f32 x = split(v);
    const double f = (double)x.f, q = f / (2 + f), s = q * q;
    double p = 0.282912429067898;
    p = p * s + 0.3199048188455458;
    p = p * s + 0.4122092743649008;
    p = p * s + 0.5770779421401472;
    p = p * s + 0.9617966941141465;
    p = p * s + 2.8853900817778495;
    return p * q + (double)x.k;
}
INLINE float log2_f32(float v) { return log_result(v, (float)log2_wide(v)); }
INLINE float log10_f32(float v) { return log_result(v, (float)(log2_wide(v) * 0.30102999566398119521)); }
INLINE float softplus_f32(float v) {
    return (v < 0 ? 0 : v) + log1p_finite(value(exp_scaled(reduced(at_least(-104, -fabsf(v))))));
}

/* a^b as 2^(b · log2 a). */
INLINE float pow_f32(float a, float b) {
    const float z = fabsf(a), size = fabsf(b);
    double w = (double)b * (z == 0 ? (double)-INFINITY : z == INFINITY ? (double)INFINITY : log2_wide(z));
    w = w < -151 ? -151 : w;
    w = w > 129 ? 129 : w;
    const float sum = (float)w + ROUNDER;
    const float r = (float)((w - (double)(sum - ROUNDER)) * 0.69314718055994530942);
    float y = value((scaled_f32){1 + expm1_reduced(r), rounded(sum)});
    const int whole = size >= 0x1p23f || (size + 0x1p23f) - 0x1p23f == size;
    const int odd = whole && size < 0x1p24f && ((int32_t)at_most(0x1p24f, size) & 1);
    const int negative = (int32_t)tfs_float_bits(a) < 0;
    y = negative && odd ? -y : y;
    y = a < 0 && z < INFINITY && !whole ? NAN : y;
    y = a != a || b != b ? NAN : y;
    return b == 0 || a == 1 || (a == -1 && size == INFINITY) ? 1 : y;
}

/* Sine and cosine by quadrant, for |v| up to TRIG_LIMIT: the product of the quadrant and π/2's first part is exact
 * up to there, and the quadrant found by an f32 product is at most 0.01 off. */
#define TRIG_LIMIT 131072.0f
typedef struct { float sin, cos; uint32_t quadrant; } trig_f32;
INLINE trig_f32 trig(float v) {
    const float sum = v * 0.636619772f + ROUNDER;
    const double n = (double)(sum - ROUNDER);
    const float r = (float)(((double)v - n * 1.5707963267341256) - n * 6.077100506506192e-11), s = r * r;
    float p = -0.0001950676669f;
    p = p * s + 0.008332098834f;
    p = p * s - 0.1666665375f;
    float q = 2.44234252e-05f;
    q = q * s - 0.001388723147f;
    q = q * s + 0.04166664556f;
    return (trig_f32){p * (s * r) + r, q * (s * s) - 0.5f * s + 1, (uint32_t)rounded(sum)};
}
INLINE float sin_f32(float v) {
    const trig_f32 x = trig(fabsf(v));
    const float y = x.quadrant & 1 ? x.cos : x.sin;
    return tfs_bits_float(tfs_float_bits(y) ^ (x.quadrant & 2) << 30 ^ (tfs_float_bits(v) & 0x80000000u));
}
INLINE float cos_f32(float v) {
    const trig_f32 x = trig(fabsf(v));
    const float y = x.quadrant & 1 ? x.sin : x.cos;
    return tfs_bits_float(tfs_float_bits(y) ^ ((x.quadrant + 1) & 2) << 30);
}
INLINE float tan_f32(float v) {
    const trig_f32 x = trig(fabsf(v));
    const int odd = x.quadrant & 1;
    const float y = (odd ? -x.cos : x.sin) / (odd ? x.sin : x.cos);
    return tfs_bits_float(tfs_float_bits(y) ^ (tfs_float_bits(v) & 0x80000000u));
}
INLINE float atan_f32(float v) {
    const float z = fabsf(v), a = z > 1 ? -1 / z : z, s = a * a;
    float p = -0.0017936246f;
    p = p * s + 0.01091461815f;
    p = p * s - 0.03117786534f;
    p = p * s + 0.05795761198f;
    p = p * s - 0.08403450996f;
    p = p * s + 0.1095218584f;
    p = p * s - 0.1426424235f;
    p = p * s + 0.1999854892f;
    p = p * s - 0.3333329856f;
    const float y = p * (s * a) + a;
    return copysignf(z > 1 ? (y - 4.37113883e-8f) + 1.57079637f : y, v);
}

/* The error function as 1 - exp(-q), which keeps its digits at both ends. */
INLINE float erf_f32(float v) {
    const float z = at_most(3.95f, fabsf(v));
    float p = 1.193319008e-06f;
    p = p * z - 2.135481191e-05f;
    p = p * z + 0.0001674819068f;
    p = p * z - 0.0007406881195f;
    p = p * z + 0.001799356774f;
    p = p * z - 0.0002530632773f;
    p = p * z - 0.01911769435f;
    p = p * z + 0.1027712747f;
    p = p * z + 0.6366198063f;
    p = p * z + 0.1283791661f;
    return copysignf(expm1_negative(-z * p - z), v);
}
/* exp(z² / 2) · Φ(-z) for 0 ≤ z ≤ 14.5, Φ the normal distribution, as a polynomial in 1 / (1 + 0.3 · z). In double:
 * the powers of a number near 1 would multiply its error. */
INLINE float normal_tail(double z) {
    const double d = 1 + 0.3 * z, first = (double)(1 / (float)d), u = first * (2 - d * first);
    double p = -0.020019471577962085;
    p = p * u + 0.1088887573000796;
    p = p * u - 0.21908420720317967;
    p = p * u + 0.1782483391312143;
    p = p * u - 0.06664718796166999;
    p = p * u + 0.08815281780831988;
    p = p * u + 0.08175304785187222;
    p = p * u + 0.1093011855692502;
    p = p * u + 0.11973569222165882;
    p = p * u + 0.11967031863883178;
    return (float)(p * u + 7.067261857417011e-07);
}
INLINE float erfc_f32(float v) {
    const double z = (double)at_most(10.2f, fabsf(v));
    const float y = times(2 * normal_tail(1.4142135623730951 * z), exp_scaled(reduced_wide(-z * z)));
    return v < 0 ? 2 - y : y;
}
/* v · Φ(v). */
INLINE float gelu_f32(float v) {
    const float near = within(14.5f, v);
    const double z = (double)fabsf(near);
    scaled_f32 share = exp_scaled(reduced_wide(-0.5 * z * z));
    share.p *= normal_tail(z);
    return gated(v, near, share);
}

/* The same names for double: by libm, whose last digit a script prints, but what it lacks. */
#define LIBM(name) INLINE double name##_f64(double v) { return name(v); }
LIBM(exp) LIBM(exp2) LIBM(expm1) LIBM(log) LIBM(log1p) LIBM(log2) LIBM(log10) LIBM(sin) LIBM(cos) LIBM(tan) LIBM(atan)
LIBM(sinh) LIBM(cosh) LIBM(tanh) LIBM(erf) LIBM(erfc)
#undef LIBM
INLINE double pow_f64(double a, double b) { return pow(a, b); }
INLINE double sigmoid_f64(double v) {
    const double e = exp_f64(-fabs(v));           /* no exponent above 0 */
    return (v >= 0 ? 1 : e) / (1 + e);
}
INLINE double softplus_f64(double v) { return (v < 0 ? 0 : v) + log1p_f64(exp_f64(-fabs(v))); }
INLINE double silu_f64(double v) { return v == -INFINITY ? -0.0 : v * sigmoid_f64(v); }
INLINE double gelu_f64(double v) { return v == -INFINITY ? -0.0 : 0.5 * v * erfc_f64(-v * 0.70710678118654752440); }
INLINE double gelu_tanh_f64(double v) {
    return v == -INFINITY ? -0.0 : v * sigmoid_f64(1.5957691216057308 * (v + 0.044715 * v * v * v));
}
INLINE double mish_f64(double v) { return v == -INFINITY ? -0.0 : v * tanh_f64(softplus_f64(v)); }
#endif
