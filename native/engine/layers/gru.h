#pragma once

#include "engine/layers/recurrent.h"

namespace sluice {

std::unique_ptr<RecurrentCore> makeGruCore(OptionReader& options);

}  // namespace sluice
