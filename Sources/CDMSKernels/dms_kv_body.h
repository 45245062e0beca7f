// One row of a KV cache in and out of its element type: loops over dms_elements.h that the compiler turns into vectors
// of the instruction set they are compiled for.

// The bits of the largest magnitude order like the magnitudes, and NaN is above infinity.
DMS_FN uint32_t largest_magnitude(const float *x, size_t dim) {
    uint32_t largest = 0;
    for (size_t i = 0; i < dim; ++i) {
        uint32_t magnitude = dms_bits(x[i]) & 0x7fffffffu;
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

DMS_TARGET static void kv_store_scaled(dms_dtype type, const float *x, size_t dim, void *destination, float *scale) {
    uint32_t largest = largest_magnitude(x, dim);
    *scale = dms_float(largest) / (type == DMS_FP8_E4M3 ? 448.0f : 127.0f);
    // INT8 has no NaN and infinity no scale, so the scale carries them and the row reads back as NaN.
    if (largest >= 0x7f800000u) *scale = NAN;
    if (!(*scale > 0.0f)) {
        memset(destination, 0, dim);
    } else if (type == DMS_FP8_E4M3) {
        uint8_t *codes = destination;
        for (size_t i = 0; i < dim; ++i) codes[i] = dms_f32_to_fp8(x[i] / *scale);
    } else {
        int8_t *codes = destination;
        for (size_t i = 0; i < dim; ++i) {
            float y = x[i] / *scale;  // beyond 127 where a tiny scale was rounded down
            y = y > 127.0f ? 127.0f : y;
            codes[i] = dms_f32_to_int8(y < -127.0f ? -127.0f : y);
        }
    }
}

DMS_TARGET static void kv_store(dms_dtype type, const float *restrict x, size_t dim, void *restrict destination,
                                float *restrict scale) {
    uint16_t *codes = destination;
    switch (type) {
    case DMS_F32: memcpy(destination, x, dim * sizeof *x); break;
    case DMS_BF16:
        for (size_t i = 0; i < dim; ++i) codes[i] = dms_f32_to_bf16(x[i]);
        break;
    case DMS_F16:
        for (size_t i = 0; i < dim; ++i) codes[i] = dms_f32_to_f16(x[i]);
        break;
    default: kv_store_scaled(type, x, dim, destination, scale); break;
    }
}

DMS_FN void kv_load_of(const dms_dtype type, const void *source, float scale, size_t dim, float *y) {
    size_t bytes = dms_element_bytes(type), i = 0;
    vf factor = vf_set1(scale);
    for (; i + VF_LANES <= dim; i += VF_LANES) {
        vf_store(y + i, vf_mul(vf_load_elements(type, (const char *)source + i * bytes), factor));
    }
    if (i < dim) {
        vf_store_n(y + i, vf_mul(vf_load_elements_n(type, (const char *)source + i * bytes, dim - i), factor), dim - i);
    }
}

DMS_TARGET static void kv_load(dms_dtype type, const void *source, const float *scale, size_t dim, float *y) {
    switch (type) {
    case DMS_F32: memcpy(y, source, dim * sizeof *y); break;
    case DMS_BF16: kv_load_of(DMS_BF16, source, 1.0f, dim, y); break;
    case DMS_F16: kv_load_of(DMS_F16, source, 1.0f, dim, y); break;
    case DMS_FP8_E4M3: kv_load_of(DMS_FP8_E4M3, source, *scale, dim, y); break;
    case DMS_INT8: kv_load_of(DMS_INT8, source, *scale, dim, y); break;
    case DMS_GROUPED_INT8:
    case DMS_GROUPED_INT4:
    case DMS_PANELS_INT8:
    case DMS_PANELS_INT4:
    case DMS_PANELS_BF16: break;  // weights
    }
}
