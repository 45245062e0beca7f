#include "dms_internal.h"

#if DMS_ARM

#include "dms_soft_attention.h"
#include "dms_simd_neon.h"

#include <math.h>

#include "dms_soft_attention_body.h"

const dms_soft_attention_kernels dms_soft_attention_kernels_neon = SOFT_ATTENTION_KERNELS;

#endif
