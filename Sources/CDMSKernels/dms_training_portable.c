#include "dms_simd_portable.h"
#include "dms_training_rows.h"

#include "dms_training_body.h"

const dms_training_kernels dms_training_portable = TRAINING_KERNELS;
