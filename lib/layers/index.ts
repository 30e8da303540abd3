// The layers by their public names: `layers.gru(...)`.
export { activation } from './activation.js';
export { bidirectional } from './bidirectional.js';
export { concatenate } from './concatenate.js';
export { dense } from './dense.js';
export { dropout } from './dropout.js';
export { gru } from './gru.js';
export { lstm } from './lstm.js';
export { minGru } from './minGru.js';
export { normalization } from './normalization.js';
export { reverse } from './reverse.js';
export { simpleRnn } from './simpleRnn.js';
