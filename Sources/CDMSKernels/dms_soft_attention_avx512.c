#include "dms_internal.h"

#if DMS_X86

#include "dms_soft_attention.h"
#include "dms_simd_avx512.h"

#include <math.h>

#include "dms_soft_attention_body.h"

const dms_soft_attention_kernels dms_soft_attention_kernels_avx512 = SOFT_ATTENTION_KERNELS;

#endif
