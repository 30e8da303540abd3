#include "engine/layers/layers.h"

namespace sluice {

std::span<const LayerEntry> layerTable() {
  static constexpr LayerEntry kTable[] = {
      {"activation", makeActivationLayer},
      {"add", makeAddLayer},
      {"additiveAttention", makeAdditiveAttentionLayer},
      {"attention", makeAttentionLayer},
      {"average", makeAverageLayer},
      {"averagePooling1d", makeAveragePooling1dLayer},
      {"averagePooling2d", makeAveragePooling2dLayer},
      {"batchNormalization", makeBatchNormalizationLayer},
      {"bidirectional", makeBidirectionalLayer},
      {"concatenate", makeConcatenateLayer},
      {"conv1d", makeConv1dLayer},
      {"conv2d", makeConv2dLayer},
      {"dense", makeDenseLayer},
      {"depthwiseConv1d", makeDepthwiseConv1dLayer},
      {"depthwiseConv2d", makeDepthwiseConv2dLayer},
      {"dot", makeDotLayer},
      {"dropout", makeDropoutLayer},
      {"embedding", makeEmbeddingLayer},
      {"flatten", makeFlattenLayer},
      {"globalAveragePooling1d", makeGlobalAveragePooling1dLayer},
      {"globalAveragePooling2d", makeGlobalAveragePooling2dLayer},
      {"globalMaxPooling1d", makeGlobalMaxPooling1dLayer},
      {"globalMaxPooling2d", makeGlobalMaxPooling2dLayer},
      {"gru", makeGruLayer},
      {"gruCell", makeGruCellLayer},
      {"layerNormalization", makeLayerNormalizationLayer},
      {"lstm", makeLstmLayer},
      {"lstmCell", makeLstmCellLayer},
      {"masking", makeMaskingLayer},
      {"maximum", makeMaximumLayer},
      {"maxPooling1d", makeMaxPooling1dLayer},
      {"maxPooling2d", makeMaxPooling2dLayer},
      {"minGru", makeMinGruLayer},
      {"minGruCell", makeMinGruCellLayer},
      {"minimum", makeMinimumLayer},
      {"multiHeadAttention", makeMultiHeadAttentionLayer},
      {"multiply", makeMultiplyLayer},
      {"normalization", makeNormalizationLayer},
      {"permute", makePermuteLayer},
      {"repeatVector", makeRepeatVectorLayer},
      {"reshape", makeReshapeLayer},
      {"reverse", makeReverseLayer},
      {"simpleRnn", makeSimpleRnnLayer},
      {"simpleRnnCell", makeSimpleRnnCellLayer},
      {"softmax", makeSoftmaxLayer},
      {"subtract", makeSubtractLayer},
      {"timeDistributed", makeTimeDistributedLayer},
  };
  return kTable;
}

}  // namespace sluice
