// Vectors of four floats in plain C with the compilers' vector extension; see dms_simd.h.
#ifndef DMS_SIMD_PORTABLE_H
#define DMS_SIMD_PORTABLE_H

#include "dms_elements.h"

#include <math.h>

#define DMS_TARGET
#define DMS_FN static inline __attribute__((always_inline))
#define VF_LANES 4
#define DMS_GEMM_VECTORS 2

typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));

DMS_FN vf vf_set1(float x) { return (vf){x, x, x, x}; }
DMS_FN vf vf_load(const float *p) {
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
DMS_FN void vf_store(float *p, vf v) { memcpy(p, &v, sizeof v); }
DMS_FN vf vf_load_n(const float *p, size_t n) {
    vf v = {0, 0, 0, 0};
    memcpy(&v, p, n * sizeof *p);
    return v;
}
DMS_FN void vf_store_n(float *p, vf v, size_t n) { memcpy(p, &v, n * sizeof *p); }
DMS_FN vf vf_add(vf a, vf b) { return a + b; }
DMS_FN vf vf_sub(vf a, vf b) { return a - b; }
DMS_FN vf vf_mul(vf a, vf b) { return a * b; }
DMS_FN vf vf_div(vf a, vf b) { return a / b; }
DMS_FN vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
DMS_FN vf vf_select(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
DMS_FN vf vf_max(vf a, vf b) { return vf_select(a > b, a, b); }
DMS_FN vf vf_sqrt(vf x) { return (vf){sqrtf(x[0]), sqrtf(x[1]), sqrtf(x[2]), sqrtf(x[3])}; }
DMS_FN vf vf_round(vf x) { return (x + vf_set1(0x1.8p23f)) - vf_set1(0x1.8p23f); }
DMS_FN vf vf_scale2(vf x, vf n) { return x * (vf)((vi)(n + vf_set1(0x1.8p23f + 127.0f)) << 23); }
DMS_FN vf vf_zero_below(vf x, float bound, vf v) { return vf_select(x < vf_set1(bound), vf_set1(0.0f), v); }
DMS_FN vf vf_where_seen(const int32_t *first, const int32_t *last, int32_t position, vf seen, vf unseen) {
    vi f, l, p = {position, position, position, position};
    memcpy(&f, first, sizeof f);
    memcpy(&l, last, sizeof l);
    return vf_select((f <= p) & (p <= l), seen, unseen);
}
DMS_FN float vf_sum(vf v) { return (v[0] + v[2]) + (v[1] + v[3]); }
DMS_FN float vf_maximum(vf v) {
    float m = v[0];
    for (int i = 1; i < VF_LANES; ++i) m = v[i] > m ? v[i] : m;
    return m;
}
DMS_FN vf vf_load_bf16(const uint16_t *p) {
    return (vf){dms_bf16_to_f32(p[0]), dms_bf16_to_f32(p[1]), dms_bf16_to_f32(p[2]), dms_bf16_to_f32(p[3])};
}
DMS_FN vf vf_load_half(const void *p, const size_t odd) {
    vf v;
    memcpy(&v, p, sizeof v);
    return (vf)(odd ? (vi)v & (int32_t)0xffff0000 : (vi)v << 16);
}
DMS_FN vf vf_load_f16(const uint16_t *p) {
    return (vf){dms_f16_to_f32(p[0]), dms_f16_to_f32(p[1]), dms_f16_to_f32(p[2]), dms_f16_to_f32(p[3])};
}
DMS_FN vf vf_load_fp8(const uint8_t *p) {
    return (vf){dms_fp8_to_f32(p[0]), dms_fp8_to_f32(p[1]), dms_fp8_to_f32(p[2]), dms_fp8_to_f32(p[3])};
}
DMS_FN vf vf_load_int8(const int8_t *p) { return (vf){p[0], p[1], p[2], p[3]}; }
DMS_FN void vf_transpose(vf *t) {
    vf r[4];
    for (int i = 0; i < 4; ++i) r[i] = (vf){t[0][i], t[1][i], t[2][i], t[3][i]};
    for (int i = 0; i < 4; ++i) t[i] = r[i];
}

// Eight-byte lanes, for sums that must not lose anything.
typedef struct {
    double lane[VF_LANES];
} vd;
DMS_FN vd vd_zero(void) { return (vd){{0, 0, 0, 0}}; }
DMS_FN vd vd_add(vd sum, vf v) {
    for (int i = 0; i < VF_LANES; ++i) sum.lane[i] += (double)v[i];
    return sum;
}
DMS_FN vd vd_add_product(vd sum, vf a, vf b) {
    for (int i = 0; i < VF_LANES; ++i) sum.lane[i] += (double)a[i] * (double)b[i];
    return sum;
}
DMS_FN double vd_sum(vd v) { return (v.lane[0] + v.lane[2]) + (v.lane[1] + v.lane[3]); }

#include "dms_simd.h"

#endif
