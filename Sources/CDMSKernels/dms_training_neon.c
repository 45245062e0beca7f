#include "dms_internal.h"

#if DMS_ARM

#include "dms_simd_neon.h"
#include "dms_training_rows.h"

#include "dms_training_body.h"

const dms_training_kernels dms_training_neon = TRAINING_KERNELS;

#endif
