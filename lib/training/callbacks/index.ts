// The callbacks by their public names: `callbacks.earlyStopping(...)`.
export { lambda } from './callback.js';
export { earlyStopping } from './earlyStopping.js';
export { learningRateSchedule, reduceLROnPlateau } from './learningRate.js';
