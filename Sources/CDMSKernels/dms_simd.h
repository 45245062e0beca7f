// What every instruction set offers under the same names, so that attention and the row-wise kernels are written once
// (dms_attention_body.h, dms_rows_body.h) and compiled once per instruction set. Each dms_simd_*.h defines
//
//   vf, VF_LANES               a vector of floats
//   vf_load_n, vf_store_n      the first n lanes, the others zero or untouched
//   vf_fma(a, b, c)            a * b + c, rounded once except in the portable version
//   vf_max(a, b)               a > b ? a : b, so b when either is NaN
//   vf_sqrt                    correctly rounded
//   vf_round                   to an integer, ties to even
//   vf_scale2(x, n)            x * 2^n for an integral n in -126...127
//   vf_zero_below(x, b, v)     x < b ? 0 : v
//   vf_where_seen              first <= position && position <= last ? seen : unseen
//   vf_sum, vf_maximum         over the lanes, in a fixed order
//   vf_load_bf16, _f16, _fp8, _int8
//   vf_load_half               of as many BF16 pairs as there are lanes, the first elements or the second
//   vf_transpose               VF_LANES x VF_LANES in place
//   vd                         as many doubles; vd_add_product(sum, a, b) adds products of floats, exact in FP64
//
// and what follows from these is here. Included at the end of each of them, never by itself.

// 2^x within 2e-7 for x <= 0; results below 2^-126 are 0, as is 2^-infinity; NaN stays NaN.
DMS_FN vf vf_exp2(vf x) {
    vf n = vf_round(x), f = vf_sub(x, n);
    vf p = vf_set1(0x1.41fbbcp-13f);
    p = vf_fma(p, f, vf_set1(0x1.5f3e54p-10f));
    p = vf_fma(p, f, vf_set1(0x1.3b2d4cp-7f));
    p = vf_fma(p, f, vf_set1(0x1.c6aee8p-5f));
    p = vf_fma(p, f, vf_set1(0x1.ebfbdcp-3f));
    p = vf_fma(p, f, vf_set1(0x1.62e43p-1f));
    p = vf_fma(p, f, vf_set1(1.0f));
    return vf_zero_below(x, -126.0f, vf_scale2(p, n));
}

// e^x within 2e-7; results below 2^-125 are 0, too large ones infinite, NaN stays NaN.
DMS_FN vf vf_exp(vf x) {
    // 89 and -89 lie beyond both ends; vf_max keeps a NaN in its second operand.
    vf y = vf_sub(vf_set1(0.0f), vf_max(vf_set1(-89.0f), vf_sub(vf_set1(0.0f), vf_max(vf_set1(-89.0f), x))));
    vf n = vf_round(vf_mul(y, vf_set1(0x1.715476p+0f)));
    // ln 2 in two parts, the first with so few bits that n times it is exact.
    vf r = vf_fma(n, vf_set1(-0x1.62e4p-1f), y);
    r = vf_fma(n, vf_set1(-0x1.7f7d1cp-20f), r);
    vf p = vf_set1(0x1.6ae72p-10f);
    p = vf_fma(p, r, vf_set1(0x1.126792p-7f));
    p = vf_fma(p, r, vf_set1(0x1.555822p-5f));
    p = vf_fma(p, r, vf_set1(0x1.55541ap-3f));
    p = vf_fma(p, r, vf_set1(0x1.fffffcp-2f));
    p = vf_fma(p, r, vf_set1(1.0f));
    p = vf_fma(p, r, vf_set1(1.0f));
    // 2^128 does not exist, so the last factor of two is a multiplication of its own.
    vf e = vf_mul(vf_scale2(p, vf_sub(n, vf_set1(1.0f))), vf_set1(2.0f));
    return vf_zero_below(x, -0x1.5a92d6p+6f, e);  // -125 ln 2
}

// A vector of elements of any type, widened, without their scales.
DMS_FN vf vf_load_elements(dms_dtype type, const void *p) {
    switch (type) {
    case DMS_F32: return vf_load(p);
    case DMS_BF16: return vf_load_bf16(p);
    case DMS_F16: return vf_load_f16(p);
    case DMS_FP8_E4M3: return vf_load_fp8(p);
    default: return vf_load_int8(p);
    }
}

DMS_FN size_t dms_element_bytes(dms_dtype type) {
    return type == DMS_F32 ? 4 : type == DMS_BF16 || type == DMS_F16 ? 2 : 1;
}

// The first `n` lanes, which may be all of them; zeros behind.
DMS_FN vf vf_load_elements_n(dms_dtype type, const void *p, size_t n) {
    if (n == VF_LANES) return vf_load_elements(type, p);
    if (type == DMS_F32) return vf_load_n(p, n);
    uint16_t copy[VF_LANES] = {0};
    memcpy(copy, p, n * dms_element_bytes(type));
    return vf_load_elements(type, copy);
}
