#include "dms_internal.h"

#if DMS_X86

#include "dms_simd_avx2.h"
#include "dms_training_rows.h"

#include "dms_training_body.h"

const dms_training_kernels dms_training_avx2 = TRAINING_KERNELS;

#endif
