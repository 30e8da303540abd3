#pragma once

#include "engine/layers/recurrent.h"

namespace sluice {

std::unique_ptr<RecurrentCore> makeMinGruCore(OptionReader& options);

}  // namespace sluice
