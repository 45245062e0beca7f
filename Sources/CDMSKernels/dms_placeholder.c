#include "dms_kernels.h"
