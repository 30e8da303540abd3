// The public names of `sluice`, and nothing else.
export {
  AbortError,
  type ErrorDetails,
  SluiceError,
  type SluiceErrorCode,
} from './errors.js';
export type {
  ActivationName,
  ActivationOption,
  OutputActivationOption,
  OutputOnlyActivation,
} from './layers/activations.js';
export type { ConstraintName, ConstraintOption } from './layers/constraints.js';
export * as layers from './layers/index.js';
export type { InitializerName, InitializerOption } from './layers/initializers.js';
export { type InputOptions, input } from './layers/input.js';
export { Layer, SymbolicTensor } from './layers/layer.js';
export * as ops from './layers/ops/index.js';
export type { Operand } from './layers/ops/operation.js';
export type { ReduceOptions } from './layers/ops/reduce.js';
export type { SliceOptions } from './layers/ops/shaping.js';
export type { WeightNodeOptions } from './layers/ops/weight.js';
export type { RegularizerName, RegularizerOption } from './layers/regularizers.js';
export {
  type GraphOptions,
  type ModelOptions,
  model,
  type SequentialOptions,
  sequential,
} from './model/build.js';
export type { ExplainOptions, Explanation, MeasureOptions, OpInfo } from './model/explain.js';
export { type LoadOptions, load } from './model/load.js';
export {
  type DeviceInfo,
  devices,
  setThreads,
  type ThreadInfo,
  threads,
} from './model/machine.js';
export { Model, type WeightInfo } from './model/model.js';
export type { ModelOutput, OutputOf, SymbolicOutputs } from './model/outputs.js';
export { setSeed } from './model/seed.js';
export type { Session, StepInput, StepOf, StreamOptions, StreamWeights } from './model/session.js';
export type { SessionPool, SessionPoolOptions } from './model/sessionPool.js';
export type { SessionSnapshot } from './model/sessionSnapshot.js';
export { type DType, Tensor, type TypedArray, tensor } from './tensor/tensor.js';
export type { Callback, TrainingModel, Weights } from './training/callbacks/callback.js';
export * as callbacks from './training/callbacks/index.js';
export type { CompileOptions } from './training/compile.js';
export type { ModelData, PerRow, PerRowByName } from './training/data.js';
export type { Device } from './training/device.js';
export type { EvaluateOptions } from './training/evaluate.js';
export type { History } from './training/fit.js';
export type { FitOptions, ValidationData } from './training/fitOptions.js';
export type {
  Gradients,
  GradientsOptions,
  InputGradients,
  VjpOptions,
} from './training/gradients.js';
export type { MaskOptions } from './training/inputs.js';
export type { Logs } from './training/logs.js';
export {
  type Loss,
  type LossFunction,
  type LossName,
  type LossOption,
  losses,
} from './training/losses.js';
export { type Metric, type MetricName, type MetricOption, metrics } from './training/metrics.js';
export { type Optimizer, type OptimizerOption, optimizers } from './training/optimizers.js';
export type { PredictOptions } from './training/predict.js';
export type { Verbose } from './training/progress.js';
export type { CallOptions } from './training/run.js';
export type { Precision, RunSettings } from './training/settings.js';
export type { TrainOnBatchOptions } from './training/step.js';
export type { WeightOptions } from './training/targets.js';
