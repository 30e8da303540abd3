// Stands in for the CUDA toolkit's header where .cu files are compiled as C++ to run on the CPU.
// A kernel's threads are fibers of one host thread, a grid runs a block at a time; see README.md.
#pragma once

#include "device.h"
#include "device_math.h"
#include "runtime_api.h"
#include "vectors.h"
