#include "dms_internal.h"

#if DMS_X86

#include "dms_soft_attention.h"
#include "dms_simd_avx2.h"

#include <math.h>

#include "dms_soft_attention_body.h"

const dms_soft_attention_kernels dms_soft_attention_kernels_avx2 = SOFT_ATTENTION_KERNELS;

#endif
