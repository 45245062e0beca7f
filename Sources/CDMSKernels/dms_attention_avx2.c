#include "dms_internal.h"

#if DMS_X86

#include "dms_attention.h"
#include "dms_simd_avx2.h"

#include <math.h>

#include "dms_attention_body.h"

const dms_attention_kernels dms_attention_kernels_avx2 = {
    .fp32 = ATTENTION_OPS,
    .bf16 = ATTENTION_OPS,
    .kv_store = kv_store,
    .kv_load = kv_load,
};

#endif
