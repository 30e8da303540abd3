// The table of layers: adding one is a file and a line here.
#pragma once

#include <memory>
#include <span>

#include "engine/graph/layer.h"

namespace sluice {

struct LayerEntry {
  const char* kind;
  std::unique_ptr<Layer> (*make)();
};
std::span<const LayerEntry> layerTable();

std::unique_ptr<Layer> makeActivationLayer();
std::unique_ptr<Layer> makeAdditiveAttentionLayer();
std::unique_ptr<Layer> makeAddLayer();
std::unique_ptr<Layer> makeAttentionLayer();
std::unique_ptr<Layer> makeAverageLayer();
std::unique_ptr<Layer> makeAveragePooling1dLayer();
std::unique_ptr<Layer> makeAveragePooling2dLayer();
std::unique_ptr<Layer> makeBatchNormalizationLayer();
std::unique_ptr<Layer> makeBidirectionalLayer();
std::unique_ptr<Layer> makeConcatenateLayer();
std::unique_ptr<Layer> makeConv1dLayer();
std::unique_ptr<Layer> makeConv2dLayer();
std::unique_ptr<Layer> makeDenseLayer();
std::unique_ptr<Layer> makeDepthwiseConv1dLayer();
std::unique_ptr<Layer> makeDepthwiseConv2dLayer();
std::unique_ptr<Layer> makeDotLayer();
std::unique_ptr<Layer> makeDropoutLayer();
std::unique_ptr<Layer> makeEmbeddingLayer();
std::unique_ptr<Layer> makeFlattenLayer();
std::unique_ptr<Layer> makeGlobalAveragePooling1dLayer();
std::unique_ptr<Layer> makeGlobalAveragePooling2dLayer();
std::unique_ptr<Layer> makeGlobalMaxPooling1dLayer();
std::unique_ptr<Layer> makeGlobalMaxPooling2dLayer();
std::unique_ptr<Layer> makeGruCellLayer();
std::unique_ptr<Layer> makeGruLayer();
std::unique_ptr<Layer> makeLayerNormalizationLayer();
std::unique_ptr<Layer> makeLstmCellLayer();
std::unique_ptr<Layer> makeLstmLayer();
std::unique_ptr<Layer> makeMaskingLayer();
std::unique_ptr<Layer> makeMaximumLayer();
std::unique_ptr<Layer> makeMaxPooling1dLayer();
std::unique_ptr<Layer> makeMaxPooling2dLayer();
std::unique_ptr<Layer> makeMinGruCellLayer();
std::unique_ptr<Layer> makeMinGruLayer();
std::unique_ptr<Layer> makeMinimumLayer();
std::unique_ptr<Layer> makeMultiHeadAttentionLayer();
std::unique_ptr<Layer> makeMultiplyLayer();
std::unique_ptr<Layer> makeNormalizationLayer();
std::unique_ptr<Layer> makePermuteLayer();
std::unique_ptr<Layer> makeRepeatVectorLayer();
std::unique_ptr<Layer> makeReshapeLayer();
std::unique_ptr<Layer> makeReverseLayer();
std::unique_ptr<Layer> makeSimpleRnnCellLayer();
std::unique_ptr<Layer> makeSimpleRnnLayer();
std::unique_ptr<Layer> makeSoftmaxLayer();
std::unique_ptr<Layer> makeSubtractLayer();
std::unique_ptr<Layer> makeTimeDistributedLayer();
// Of `ops`.
std::unique_ptr<Layer> makeElementwiseLayer();
std::unique_ptr<Layer> makeMatmulLayer();
std::unique_ptr<Layer> makeReduceLayer();
std::unique_ptr<Layer> makeSliceLayer();
std::unique_ptr<Layer> makeStopGradientLayer();
std::unique_ptr<Layer> makeWeightLayer();

}  // namespace sluice
