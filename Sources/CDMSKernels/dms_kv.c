// Rows of one KV head in and out of a cache's element type.
#include "dms_attention.h"

void dms_kv_store(const dms_context *context, dms_dtype type, const float *x, size_t x_stride, size_t count, size_t dim,
                  void *destination, float *scales) {
    size_t bytes = dim * dms_dtype_size(type);
    for (size_t i = 0; i < count; ++i) {
        context->attention->kv_store(type, x + i * x_stride, dim, (char *)destination + i * bytes,
                                     scales ? scales + i : NULL);
    }
}

void dms_kv_load(const dms_context *context, dms_dtype type, const void *source, const float *scales, size_t count,
                 size_t dim, float *y, size_t y_stride) {
    size_t bytes = dim * dms_dtype_size(type);
    for (size_t i = 0; i < count; ++i) {
        context->attention->kv_load(type, (const char *)source + i * bytes, scales ? scales + i : NULL, dim,
                                    y + i * y_stride);
    }
}
