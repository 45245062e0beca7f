// Element types of weights: exact widening, and rounding to nearest even.

#include "dms_elements.h"

size_t dms_dtype_size(dms_dtype type) {
    switch (type) {
    case DMS_F32: return 4;
    case DMS_BF16:
    case DMS_F16: return 2;
    case DMS_FP8_E4M3:
    case DMS_INT8:
    case DMS_GROUPED_INT8: return 1;
    case DMS_GROUPED_INT4:
    case DMS_PANELS_INT8:
    case DMS_PANELS_INT4:
    case DMS_PANELS_BF16: return 0;
    }
    return 0;
}

typedef struct dms_conversion {
    const char *source;
    char *destination;
    dms_dtype source_type, destination_type;
    size_t count;
    dms_isa isa;
} dms_conversion;

enum {
    DMS_CONVERSION_TASK = 1 << 16,
    // A piece goes through FP32 in the first-level cache, so that two widenings and two roundings serve every pair.
    DMS_CONVERSION_PIECE = 1024,
};

DMS_ELEMENT void dms_widen(dms_dtype type, const void *source, float *y, size_t count) {
    const uint16_t *narrow = source;
    switch (type) {
    case DMS_BF16:
        for (size_t i = 0; i < count; ++i) y[i] = dms_bf16_to_f32(narrow[i]);
        break;
    case DMS_F16:
        for (size_t i = 0; i < count; ++i) y[i] = dms_f16_to_f32(narrow[i]);
        break;
    default: memcpy(y, source, count * sizeof *y);
    }
}

DMS_ELEMENT void dms_narrow(dms_dtype type, const float *x, void *destination, size_t count) {
    uint16_t *narrow = destination;
    switch (type) {
    case DMS_BF16:
        for (size_t i = 0; i < count; ++i) narrow[i] = dms_f32_to_bf16(x[i]);
        break;
    case DMS_F16:
        for (size_t i = 0; i < count; ++i) narrow[i] = dms_f32_to_f16(x[i]);
        break;
    default: memcpy(destination, x, count * sizeof *x);
    }
}

DMS_ELEMENT void dms_convert_range(const dms_conversion *c, size_t begin, size_t end) {
    float piece[DMS_CONVERSION_PIECE];
    for (size_t i = begin; i < end; i += DMS_CONVERSION_PIECE) {
        size_t count = DMS_MIN(end - i, (size_t)DMS_CONVERSION_PIECE);
        dms_widen(c->source_type, c->source + i * dms_dtype_size(c->source_type), piece, count);
        dms_narrow(c->destination_type, piece, c->destination + i * dms_dtype_size(c->destination_type), count);
    }
}

// The same loops once more for wider vectors; every element's result is the same.
static void dms_convert_portable(const dms_conversion *c, size_t begin, size_t end) { dms_convert_range(c, begin, end); }

#if defined(DMS_X86)
DMS_TARGET_AVX2 static void dms_convert_avx2(const dms_conversion *c, size_t begin, size_t end) {
    dms_convert_range(c, begin, end);
}
#endif

static void dms_convert_task(void *info, size_t index, size_t worker) {
    const dms_conversion *c = info;
    size_t begin = index * DMS_CONVERSION_TASK;
    size_t end = DMS_MIN(begin + DMS_CONVERSION_TASK, c->count);
    if (c->source_type == c->destination_type) {
        size_t size = dms_dtype_size(c->source_type);
        memcpy(c->destination + begin * size, c->source + begin * size, (end - begin) * size);
        return;
    }
#if defined(DMS_X86)
    if (c->isa >= DMS_ISA_AVX2 && c->isa <= DMS_ISA_AMX) {
        dms_convert_avx2(c, begin, end);
        return;
    }
#endif
    dms_convert_portable(c, begin, end);
}

void dms_convert(dms_context *context, const void *source, dms_dtype source_type, void *destination,
                 dms_dtype destination_type, size_t count) {
    dms_conversion c = {source, destination, source_type, destination_type, count, context->isa};
    dms_parallel(context, (count + DMS_CONVERSION_TASK - 1) / DMS_CONVERSION_TASK, dms_convert_task, &c);
}
