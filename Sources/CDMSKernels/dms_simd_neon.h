// Vectors of four floats with NEON; see dms_simd.h.
#ifndef DMS_SIMD_NEON_H
#define DMS_SIMD_NEON_H

#include "dms_elements.h"

#include <arm_neon.h>

#define DMS_TARGET
#define DMS_FN static inline __attribute__((always_inline))
#define VF_LANES 4
#define DMS_GEMM_VECTORS 4

typedef float32x4_t vf;

DMS_FN vf vf_set1(float x) { return vdupq_n_f32(x); }
DMS_FN vf vf_load(const float *p) { return vld1q_f32(p); }
DMS_FN void vf_store(float *p, vf v) { vst1q_f32(p, v); }
DMS_FN vf vf_load_n(const float *p, size_t n) {
    float lanes[4] = {0, 0, 0, 0};
    memcpy(lanes, p, n * sizeof *p);
    return vld1q_f32(lanes);
}
DMS_FN void vf_store_n(float *p, vf v, size_t n) {
    float lanes[4];
    vst1q_f32(lanes, v);
    memcpy(p, lanes, n * sizeof *p);
}
DMS_FN vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
DMS_FN vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
DMS_FN vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
DMS_FN vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
DMS_FN vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
DMS_FN vf vf_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
DMS_FN vf vf_sqrt(vf x) { return vsqrtq_f32(x); }
DMS_FN vf vf_round(vf x) { return vrndnq_f32(x); }
DMS_FN vf vf_scale2(vf x, vf n) {
    int32x4_t exponent = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
    return vmulq_f32(x, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
}
DMS_FN vf vf_zero_below(vf x, float bound, vf v) {
    return vbslq_f32(vcltq_f32(x, vdupq_n_f32(bound)), vdupq_n_f32(0.0f), v);
}
DMS_FN vf vf_where_seen(const int32_t *first, const int32_t *last, int32_t position, vf seen, vf unseen) {
    int32x4_t p = vdupq_n_s32(position);
    return vbslq_f32(vandq_u32(vcleq_s32(vld1q_s32(first), p), vcleq_s32(p, vld1q_s32(last))), seen, unseen);
}
DMS_FN float vf_sum(vf v) { return vaddvq_f32(v); }
DMS_FN float vf_maximum(vf v) { return vmaxvq_f32(v); }
DMS_FN vf vf_load_bf16(const uint16_t *p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }
DMS_FN vf vf_load_half(const void *p, const size_t odd) {
    uint32x4_t words = vreinterpretq_u32_u8(vld1q_u8(p));
    return vreinterpretq_f32_u32(odd ? vandq_u32(words, vdupq_n_u32(0xffff0000u)) : vshlq_n_u32(words, 16));
}
DMS_FN vf vf_load_f16(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
DMS_FN vf vf_load_fp8(const uint8_t *p) {
    uint32_t four;
    memcpy(&four, p, sizeof four);
    uint32x4_t code = vmovl_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)))));
    uint32x4_t magnitude = vandq_u32(code, vdupq_n_u32(0x7f));
    vf finite = vmulq_f32(vreinterpretq_f32_u32(vshlq_n_u32(magnitude, 20)), vdupq_n_f32(0x1p120f));
    uint32x4_t bits = vbslq_u32(vceqq_u32(magnitude, vdupq_n_u32(0x7f)), vdupq_n_u32(0x7fc00000),
                                vreinterpretq_u32_f32(finite));
    return vreinterpretq_f32_u32(vorrq_u32(bits, vshlq_n_u32(vandq_u32(code, vdupq_n_u32(0x80)), 24)));
}
DMS_FN vf vf_load_int8(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four))))));
}
DMS_FN void vf_transpose(vf *t) {
    float32x4x2_t a = vtrnq_f32(t[0], t[1]), b = vtrnq_f32(t[2], t[3]);
    t[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    t[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    t[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    t[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

// Eight-byte lanes, for sums that must not lose anything.
typedef struct {
    float64x2_t low, high;
} vd;
DMS_FN vd vd_zero(void) { return (vd){vdupq_n_f64(0), vdupq_n_f64(0)}; }
DMS_FN vd vd_add(vd sum, vf v) {
    return (vd){vaddq_f64(sum.low, vcvt_f64_f32(vget_low_f32(v))), vaddq_f64(sum.high, vcvt_high_f64_f32(v))};
}
DMS_FN vd vd_add_product(vd sum, vf a, vf b) {
    float64x2_t low = vcvt_f64_f32(vget_low_f32(a)), high = vcvt_high_f64_f32(a);
    return (vd){vfmaq_f64(sum.low, low, vcvt_f64_f32(vget_low_f32(b))),
                vfmaq_f64(sum.high, high, vcvt_high_f64_f32(b))};
}
DMS_FN double vd_sum(vd v) { return vaddvq_f64(vaddq_f64(v.low, v.high)); }

#include "dms_simd.h"

#endif
