#include "dms_soft_attention.h"
#include "dms_simd_portable.h"

#include <math.h>

#include "dms_soft_attention_body.h"

const dms_soft_attention_kernels dms_soft_attention_kernels_portable = SOFT_ATTENTION_KERNELS;
