#include "engine/layers/layers.h"

namespace sluice {

std::span<const LayerEntry> layerTable() {
  static constexpr LayerEntry kTable[] = {
      {"activation", makeActivationLayer},
      {"bidirectional", makeBidirectionalLayer},
      {"concatenate", makeConcatenateLayer},
      {"dense", makeDenseLayer},
      {"dropout", makeDropoutLayer},
      {"gru", makeGruLayer},
      {"lstm", makeLstmLayer},
      {"minGru", makeMinGruLayer},
      {"normalization", makeNormalizationLayer},
      {"reverse", makeReverseLayer},
      {"simpleRnn", makeSimpleRnnLayer},
  };
  return kTable;
}

}  // namespace sluice
