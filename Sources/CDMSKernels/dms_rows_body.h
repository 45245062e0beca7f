// Row-wise kernels for the instruction set whose dms_simd_*.h was included before.

#include "dms_row_vectors.h"

DMS_TARGET static void rms_norm(const float *x, size_t columns, const float *weight, float eps, float *y) {
    vf sums[SUMS];
    for (size_t k = 0; k < SUMS; ++k) sums[k] = vf_set1(0.0f);
    size_t start = 0;
    for (; start + SUMS * VF_LANES <= columns; start += SUMS * VF_LANES) {
        for (size_t k = 0; k < SUMS; ++k) {
            vf v = vf_load(x + start + k * VF_LANES);
            sums[k] = vf_fma(v, v, sums[k]);
        }
    }
    FOR_VECTORS(i, n, columns - start) {
        vf v = load_some(x + start + i, n);
        sums[0] = vf_fma(v, v, sums[0]);
    }
    float sum = vf_sum(vf_add(vf_add(sums[0], sums[1]), vf_add(sums[2], sums[3])));
    vf factor = vf_set1(1.0f / sqrtf(sum / (float)columns + eps));
    FOR_VECTORS(i, n, columns) {
        store_some(y + i, vf_mul(vf_mul(load_some(x + i, n), factor), load_some(weight + i, n)), n);
    }
}

DMS_TARGET static void rope(float *x, size_t heads, size_t half, const float *cosine, const float *sine) {
    for (size_t head = 0; head < heads; ++head) {
        float *low = x + head * 2 * half, *high = low + half;
        FOR_VECTORS(i, n, half) {
            vf a = load_some(low + i, n), b = load_some(high + i, n);
            vf c = load_some(cosine + i, n), s = load_some(sine + i, n);
            store_some(low + i, vf_sub(vf_mul(a, c), vf_mul(b, s)), n);
            store_some(high + i, vf_add(vf_mul(b, c), vf_mul(a, s)), n);
        }
    }
}

DMS_TARGET static void swiglu(const float *gate, const float *up, size_t columns, float *y) {
    vf one = vf_set1(1.0f), zero = vf_set1(0.0f);
    FOR_VECTORS(i, n, columns) {
        vf g = load_some(gate + i, n);
        vf silu = vf_div(g, vf_add(one, vf_exp(vf_sub(zero, g))));
        store_some(y + i, vf_mul(silu, load_some(up + i, n)), n);
    }
}

DMS_TARGET static void add(const float *x, size_t columns, float *y) {
    FOR_VECTORS(i, n, columns) store_some(y + i, vf_add(load_some(y + i, n), load_some(x + i, n)), n);
}

DMS_FN void widen_of(const dms_dtype type, const void *x, size_t columns, float *y) {
    FOR_VECTORS(i, n, columns) {
        store_some(y + i, vf_load_elements_n(type, (const char *)x + i * dms_element_bytes(type), n), n);
    }
}

DMS_TARGET static void widen(dms_dtype type, const void *x, size_t columns, float *y) {
    switch (type) {
    case DMS_BF16: widen_of(DMS_BF16, x, columns, y); break;
    case DMS_F16: widen_of(DMS_F16, x, columns, y); break;
    default: memcpy(y, x, columns * sizeof *y); break;
    }
}

DMS_TARGET static float maximum(const float *x, size_t columns) {
    vf largest[SUMS];
    for (size_t k = 0; k < SUMS; ++k) largest[k] = vf_set1(-INFINITY);
    size_t start = 0;
    for (; start + SUMS * VF_LANES <= columns; start += SUMS * VF_LANES) {
        for (size_t k = 0; k < SUMS; ++k) largest[k] = vf_max(vf_load(x + start + k * VF_LANES), largest[k]);
    }
    FOR_VECTORS(i, n, columns - start) largest[0] = vf_max(load_or_lowest(x + start + i, n), largest[0]);
    int32_t nan = 0;
    for (size_t i = 0; i < columns; ++i) nan |= x[i] != x[i];
    if (nan) return NAN;
    return vf_maximum(vf_max(vf_max(largest[0], largest[1]), vf_max(largest[2], largest[3])));
}

DMS_TARGET static double exp_sum(const float *x, size_t columns, float zero_point) {
    vd sum = vd_zero();
    FOR_VECTORS(i, n, columns) sum = vd_add(sum, vf_exp(vf_sub(load_or_lowest(x + i, n), vf_set1(zero_point))));
    return vd_sum(sum);
}

DMS_TARGET static void softmax(float *x, size_t columns) {
    vf largest = vf_set1(maximum(x, columns));
    vd sum = vd_zero();
    FOR_VECTORS(i, n, columns) {
        vf e = vf_exp(vf_sub(load_or_lowest(x + i, n), largest));
        store_some(x + i, e, n);
        sum = vd_add(sum, e);
    }
    vf factor = vf_set1((float)(1.0 / vd_sum(sum)));
    FOR_VECTORS(i, n, columns) store_some(x + i, vf_mul(load_some(x + i, n), factor), n);
}

#define ROW_KERNELS                                                                                    \
    {.rms_norm = rms_norm, .rope = rope, .swiglu = swiglu, .add = add, .widen = widen, .softmax = softmax, \
     .maximum = maximum, .exp_sum = exp_sum}
