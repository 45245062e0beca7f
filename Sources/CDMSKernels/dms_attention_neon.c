#include "dms_internal.h"

#if DMS_ARM

#include "dms_attention.h"
#include "dms_simd_neon.h"

#include <math.h>

#include "dms_attention_body.h"

const dms_attention_kernels dms_attention_kernels_neon = {
    .fp32 = ATTENTION_OPS,
    .bf16 = ATTENTION_OPS,
    .kv_store = kv_store,
    .kv_load = kv_load,
};

#endif
