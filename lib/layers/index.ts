// The layers by their public names: `layers.gru(...)`.
export { activation } from './activation.js';
export { additiveAttention, attention, multiHeadAttention } from './attention.js';
export { batchNormalization, batchNormalization as batchNorm } from './batchNormalization.js';
export { bidirectional } from './bidirectional.js';
export { gruCell, lstmCell, minGruCell, simpleRnnCell } from './cells.js';
export { concatenate } from './concatenate.js';
export { conv1d, conv2d, depthwiseConv1d, depthwiseConv2d } from './convolution.js';
export { dense } from './dense.js';
export { dot } from './dot.js';
export { dropout } from './dropout.js';
export { embedding } from './embedding.js';
export { flatten } from './flatten.js';
export { gru } from './gru.js';
export { layerNormalization, layerNormalization as layerNorm } from './layerNormalization.js';
export { lstm } from './lstm.js';
export { masking } from './masking.js';
export { add, average, maximum, minimum, multiply, subtract } from './merging.js';
export { minGru } from './minGru.js';
export { normalization } from './normalization.js';
export { permute } from './permute.js';
export {
  averagePooling1d,
  averagePooling2d,
  globalAveragePooling1d,
  globalAveragePooling2d,
  globalMaxPooling1d,
  globalMaxPooling2d,
  maxPooling1d,
  maxPooling2d,
} from './pooling.js';
export { repeatVector } from './repeatVector.js';
export { reshape } from './reshape.js';
export { reverse } from './reverse.js';
export { simpleRnn } from './simpleRnn.js';
export { softmax } from './softmax.js';
export { timeDistributed } from './timeDistributed.js';
