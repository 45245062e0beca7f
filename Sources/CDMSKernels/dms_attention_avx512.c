#include "dms_internal.h"

#if DMS_X86

#include "dms_attention.h"
#include "dms_simd_avx512.h"

#include <math.h>

#include "dms_attention_body.h"
#include "dms_attention_bf16_body.h"

const dms_attention_kernels dms_attention_kernels_avx512 = {
    .fp32 = ATTENTION_OPS,
    .bf16 = ATTENTION_OPS,
    .kv_store = kv_store,
    .kv_load = kv_load,
};

const dms_attention_kernels dms_attention_kernels_avx512_bf16 = {
    .fp32 = ATTENTION_OPS,
    .bf16 =
        {
            .pack_queries = pack_queries_bf16,
            .pack_block = pack_block_bf16,
            .attend = attend_bf16,
            .merge = merge,
            .finish = finish,
        },
    .kv_store = kv_store,
    .kv_load = kv_load,
};

#endif
