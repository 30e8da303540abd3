// The native addon as TypeScript sees it. `npm run lint` checks this file against the loaded addon.
//
// Errors: every function throws, and every promise rejects with, an Error that has `code` (see
// lib/errors.ts) and `details`; lib/native.ts turns it into a SluiceError. Argument checks here keep memory
// safe; friendly messages about the user's own call are made in lib/.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type DType = 'float32' | 'int32' | 'bool';
export type TypedArray = Float32Array | Int32Array | Uint8Array;

/** One node of a model: `inputs` are [node name, output index]. Inputs of the model are nodes of kind 'input'. */
export interface NodeDescription {
  kind: string;
  name: string;
  inputs: [string, number][];
  options: { [key: string]: Json };
  /** The node whose parameters this one uses: a layer applied more than once. */
  sharedWith?: string;
}

/** Plain data; what is saved in a model file and what the engine checks as hostile input. */
export interface ModelDescription {
  nodes: NodeDescription[];
  outputs: [string, number][];
}

/** `null` is a symbolic extent (batch, steps). */
export type Extents = (number | null)[];

export interface InputInfo {
  name: string;
  /** With the batch axis: [null, null, 10]. */
  shape: Extents;
  dtype: DType;
  /** Whether the input has a time axis, so that a mask or lengths may come with it. */
  sequence: boolean;
}

export interface OutputInfo {
  /** Name of the node that makes it. */
  node: string;
  shape: Extents;
  /** Whether a mask reaches this output (then it weighs the loss), given that each input has one. */
  masked: boolean;
  /** Whether one reaches it in any case, since a layer computes it. */
  alwaysMasked: boolean;
}

export interface NodeInfo {
  name: string;
  kind: string;
  outputs: Extents[];
  /** Names of its parameters; empty for a node that shares those of another one. */
  parameters: string[];
  /** Why this node cannot be pushed step by step, or null. */
  streamable: string | null;
}

export interface ParameterInfo {
  name: string;
  layer: string;
  shape: number[];
  trainable: boolean;
}

/** A recurrent state: one per recurrent layer and direction. */
export interface StateInfo {
  name: string;
  layer: string;
  /** Per row: [units]. */
  shape: number[];
  /** Kept from call to call because the layer is `stateful`. */
  carried: boolean;
}

/** A buffer of a batch. The time extent of `shape` is concrete: all rows of a batch have the same number of steps. */
export interface SlotDescription {
  /** mask: bool [T]; lengths: int32 []; weight: float32 [] or [T]; cotangent: as the output. `index` counts inputs or outputs. */
  role: 'input' | 'mask' | 'lengths' | 'target' | 'weight' | 'cotangent';
  index: number;
  /** Shape of one row. */
  shape: number[];
  dtype: DType;
}

/**
 * The rows of one native call, in memory that belongs to the addon: JavaScript's buffers are read by
 * `gather` on the calling thread only, so that a buffer that is detached, resized or collected later
 * cannot harm a run. May be filled again once the run that reads it has settled (else BUSY).
 */
export declare class Batch {
  /**
   * Checks the slots against the model. OUT_OF_MEMORY where they do not fit. `device`: where it will run;
   * for a GPU it lies in memory that is copied from at full speed.
   */
  constructor(model: Model, rows: number, slots: SlotDescription[], device?: string);
  readonly rows: number;
  readonly bytes: number;
  /**
   * Copies rows [first, first + count) of slot number `slot` (position in the constructor's list). The i-th of these
   * comes from row `rowIndex ? rowIndex[offset + i] : offset + i` of `source`. INVALID_ARGUMENT for a source that is
   * detached, shared, too short, of another type, or an index outside of it.
   */
  gather(
    slot: number,
    source: TypedArray,
    rowIndex: Int32Array | null,
    offset: number,
    first: number,
    count: number,
  ): void;
  /**
   * All rows are there: starts to copy them to the device, beside what runs there now. Zeroes masked steps. Does
   * nothing on the host. What is wrong with them is told by the run.
   */
  upload(): void;
  /** Shape of output k of the last run, with the batch axis. */
  outputShape(output: number): number[];
  /** Copies rows [first, first + count) of output k of the last run to row `targetRow + first` on. */
  scatter(
    output: number,
    target: Float32Array,
    targetRow: number,
    first: number,
    count: number,
  ): void;
  /** Gives the memory back at once; a run that is under way keeps it until it ends. */
  dispose(): void;
}

/** Stops the runs it was given to at their next step; they reject with ABORTED. */
export declare class CancelToken {
  constructor();
  cancel(): void;
  readonly cancelled: boolean;
}

/**
 * The weights of the last published step, held: runs that are given it read this step, whatever is
 * published meanwhile.
 */
export declare class Snapshot {
  constructor(model: Model);
  /** Lets go of the weights; runs that are under way keep them. */
  dispose(): void;
}

/**
 * A loss or a metric that a user wrote: nodes as those of a model, of which those of kind 'target' and
 * 'prediction' stand for what is compared, and which value it is.
 */
export interface WrittenGraph {
  nodes: NodeDescription[];
  value: [string, number];
}

export interface LossSpec {
  kind:
    | 'meanSquaredError'
    | 'meanAbsoluteError'
    | 'huber'
    | 'binaryCrossentropy'
    | 'categoricalCrossentropy'
    | 'sparseCategoricalCrossentropy'
    | 'custom';
  delta: number;
  /** Weight of this output's loss in the total. */
  weight: number;
  /** Of a custom loss, else null. */
  graph: WrittenGraph | null;
}

export interface MetricSpec {
  kind:
    | 'meanSquaredError'
    | 'meanAbsoluteError'
    | 'binaryAccuracy'
    | 'categoricalAccuracy'
    | 'sparseCategoricalAccuracy'
    | 'custom';
  threshold: number;
  /** Of a custom metric, else null. */
  graph: WrittenGraph | null;
}

export interface OptimizerSpec {
  kind: 'sgd' | 'rmsprop' | 'adam' | 'adamw';
  learningRate: number;
  momentum: number;
  nesterov: boolean;
  rho: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  epsilonMode: 'keras' | 'torch';
  weightDecay: number;
  /** 0 is off. */
  clipNorm: number;
  clipVariableNorm: number;
  clipValue: number;
}

export interface CompileSpec {
  /** One entry an output. */
  losses: LossSpec[];
  metrics: MetricSpec[][];
  optimizer: OptimizerSpec;
}

export interface RunOptions {
  /** 'cpu', 'reference' (double arithmetic in plain loops: the oracle), 'cuda' or 'cuda:1'. */
  device: string;
  cancel: CancelToken | null;
  /** Not for train: the weights to read; null: those that are published when the run begins. */
  weights: Snapshot | null;
  /** Dropout and the like are active. Always so in 'train'. */
  training: boolean;
  /** Seed and position of the random numbers. */
  seed: number;
  step: number;
  /** Train only: run the batch in slices of this many rows and update once; 0: in one piece. */
  microBatch: number;
  /** Train only: the learning rate of this update; null: that of `compile`. */
  learningRate: number | null;
  /** Train and evaluate: reject NON_FINITE (before the update) when the loss is not finite. */
  requireFinite: boolean;
  /** UNSUPPORTED where an op cannot run on the device's fast path. */
  strict: boolean;
  /** 'low': backward computes the gates again instead of keeping them. The same gradients. */
  memory: 'fast' | 'low';
  precision: Precision;
}

/** In which numbers matrices are multiplied; sums, states and weights are float32 in any case. */
export type Precision = 'float32' | 'tf32' | 'bfloat16' | 'float16';

export interface RunResult {
  /**
   * Output by output: Σ w·loss and Σ w, then the same two for each of its metrics; at the end rows · the penalty
   * of the regularizers, and the rows. Empty for predict and vjp.
   * The total loss is Σ over outputs of weight · Σ w·loss / Σ w, and the penalty.
   */
  sums: Float64Array;
  /** 'gradients' and 'vjp': by parameter name, trainable ones only. */
  gradients: Record<string, Float32Array> | null;
  /** 'gradients' and 'vjp': by input number, null for inputs that are not float32. */
  inputGradients: (Float32Array | null)[] | null;
}

export interface OpInfo {
  layer: string;
  op: string;
  device: string;
  kernel: string;
  /** Whose matrix products it uses and which of its ways it goes; null where it has no choice. */
  how: string | null;
  /**
   * Why it does not go the way that the kernel goes for the default options, which may be somewhat faster;
   * null where it does. `strict` does not mind.
   */
  detour: string | null;
  /** The instruction set of its kernels. */
  target: string;
  /** Threads that it uses of those of the processor; 0 on a GPU. */
  threads: number;
  /**
   * What these, or the GPU's, share out: 'rows', 'columns', 'elements', 'rows, then units'...; null for one
   * thread, or where a GPU's kernel does not say.
   */
  split: string | null;
  /** The layer of the operation that may run at the same time, on a part of the threads or of the GPU; null: none. */
  beside: string | null;
  /** Operations of its matrix products, a multiplication and an addition being two; 0 where it has none. */
  flop: number;
  /** Bytes that it reads and writes at least: its arguments and its packed weights, each once. */
  bytes: number;
  /** Alone, by the speed of the kernels it consists of, which is measured once a process; null: not known. */
  predictedSeconds: number | null;
  /** The median of several runs, from `measure` alone; of both where another one runs beside it. */
  measuredSeconds: number | null;
  /** Why the device's own kernel does not run it, or null. */
  fallback: string | null;
}

export interface PlanInfo {
  ops: OpInfo[];
  /** Bytes of scratch memory that one run needs at these extents. */
  arenaBytes: number;
  parameterBytes: number;
  packedBytes: number;
  threads: number;
}

export declare class Model {
  /**
   * CONFIG, UNSUPPORTED, SHAPE_MISMATCH or OUT_OF_MEMORY name the node. DEVICE_UNAVAILABLE where
   * SLUICE_TARGET names an instruction set that cannot be used. `seed` drives the initializers.
   */
  constructor(description: ModelDescription, seed: number);
  readonly inputs: InputInfo[];
  readonly outputs: OutputInfo[];
  readonly nodes: NodeInfo[];
  readonly parameters: ParameterInfo[];
  readonly states: StateInfo[];
  /**
   * The outputs' extents, batch axis first, for rows of these shapes, one an input. SHAPE_MISMATCH where
   * an input does not fit, or a window does not fit into it.
   */
  outputShapes(inputShapes: number[][]): Extents[];
  /** Copies of all parameters of the last published step. */
  getWeights(): Record<string, Float32Array>;
  /** All or none are set. BUSY while a training call is under way. */
  setWeights(weights: Record<string, Float32Array>): void;
  setTrainable(layer: string, trainable: boolean): void;
  /** New optimizer state. BUSY while a training call is under way. */
  compile(spec: CompileSpec): void;
  /** Updates done since compile. */
  readonly iterations: number;
  /**
   * Runs a batch off the JavaScript thread. train: forward, loss, backward, update, publish; evaluate:
   * loss and metrics; predict: outputs (read them from the batch); gradients: of the total loss; vjp: with the
   * batch's cotangents. BUSY for a second 'train' at a time.
   */
  run(
    kind: 'train' | 'evaluate' | 'predict' | 'gradients' | 'vjp',
    batch: Batch,
    options: RunOptions,
  ): Promise<RunResult>;
  /** Memory that a run of these extents needs beyond what is there, in bytes; and what is available. */
  estimate(
    kind: 'train' | 'evaluate' | 'predict',
    rows: number,
    steps: number,
  ): { needed: number; available: number };
  explain(
    kind: 'train' | 'predict',
    rows: number,
    steps: number,
    device: string,
    memory: 'fast' | 'low',
    precision: Precision,
    strict: boolean,
  ): PlanInfo;
  /** The same, after timed runs on made-up data off the JavaScript thread. Changes nothing. */
  measure(
    kind: 'train' | 'predict',
    rows: number,
    steps: number,
    device: string,
    memory: 'fast' | 'low',
    precision: Precision,
    strict: boolean,
    cancel: CancelToken | null,
  ): Promise<PlanInfo>;
  /** States of stateful layers, by state name, [rows, units]; empty before the first run or after a reset. */
  getStates(): Record<string, { rows: number; data: Float32Array }>;
  /** BUSY while any run is under way, and so is resetStates. */
  setStates(states: Record<string, { rows: number; data: Float32Array }>): void;
  resetStates(): void;
  /** Frees as soon as no run uses it; later calls throw DISPOSED. */
  dispose(): void;
}

/** How a stream keeps the weight matrices of recurrent layers. */
export type WeightsType = 'float32' | 'float16' | 'bfloat16' | 'int8';

/** One live sequence; synchronous, on the calling thread, single-threaded. */
export declare class Session {
  /** UNSUPPORTED names the layer that cannot be pushed. */
  constructor(model: Model, weights?: WeightsType);
  /** Floats of one step of each input and of each output. */
  readonly inputSizes: number[];
  readonly outputSizes: number[];
  readonly stateSize: number;
  /** One step: reads inputs[i], writes outputs[i]. Sizes must match exactly. */
  push(inputs: Float32Array[], outputs: Float32Array[]): void;
  /** The same for a model with one input and one output, without the arrays. */
  pushOne(input: Float32Array, output: Float32Array): void;
  /** All states, one after the other in the order of Model.states. */
  getState(): Float32Array;
  setState(state: Float32Array): void;
  /** Zero states. */
  reset(): void;
  dispose(): void;
}

/** Many live sequences in one piece of memory, stepped together; as Session on the calling thread. */
export declare class SessionPool {
  /**
   * UNSUPPORTED names the layer that cannot be stepped, or that there is not one input and one output.
   * OUT_OF_MEMORY before anything is allocated. `capacity`: 1 to 2^31 - 1.
   */
  constructor(model: Model, capacity: number, weights?: WeightsType);
  readonly inputSize: number;
  readonly outputSize: number;
  readonly stateSize: number;
  readonly capacity: number;
  /** How many are open. */
  readonly size: number;
  /** A slot from 0 on; null: zero states. BUSY when the pool is full. */
  open(state: Float32Array | null): number;
  /**
   * One step of each: xs is [slots, inputSize], outputs [slots, outputSize]. INVALID_ARGUMENT where a slot is
   * not open or comes twice, and for sizes that do not match; then nothing has changed.
   */
  step(slots: Int32Array, xs: Float32Array, outputs: Float32Array): void;
  /** INVALID_ARGUMENT for a slot that is not open. */
  getState(slot: number): Float32Array;
  close(slot: number): void;
  dispose(): void;
}

export interface DeviceInfo {
  name: string;
  available: boolean;
  /** What it is, or why it is not available. */
  description: string;
}

/** What was compiled in, and what `addLibrary` found. */
export declare function devices(): DeviceInfo[];

/** Where a library may lie; a place without a file says why there is none. */
export interface LibraryPlace {
  name: string;
  file: string | null;
  reason: string | null;
}

export interface LibraryAttempt {
  /** `not tried`: it comes after the one that was taken. */
  status: 'taken' | 'failed' | 'absent' | 'not tried';
  /** Why it failed or is absent; where it was taken, why there is no device, or null. */
  reason: string | null;
}

/**
 * Opens the first of these libraries that is a backend of this version, and adds its devices, or the
 * reason why there are none. Once a process and name: later calls, from any thread, change nothing and
 * return an empty array. Never throws for what is wrong with a library.
 */
export declare function addLibrary(name: string, places: LibraryPlace[]): LibraryAttempt[];
/** DEVICE_UNAVAILABLE with the reason, unless this device can be used. */
export declare function requireDevice(device: string): void;
/**
 * The first device of a kind, else 'cpu', and why: its description, or why the kind is not available.
 * `isFirst`: nobody in this process has asked before.
 */
export declare function chooseDevice(kind: string): {
  device: string;
  reason: string;
  isFirst: boolean;
};
/** What decided the number of compute threads. */
export declare function threads(): {
  count: number;
  affinity: number;
  cgroupQuota: number | null;
  requested: number | null;
};
/** 0 gives the choice back to the machine. Takes effect at the next run. */
export declare function setThreads(count: number): void;
/** How much memory this process may have and how much of it is left, in bytes, and what sets the limit. */
export declare function memory(): {
  limit: number;
  available: number;
  source: 'machine' | 'cgroup v1' | 'cgroup v2';
};

export interface CpuInfo {
  /** The instruction set that kernels use; null where SLUICE_TARGET names one that cannot be used. */
  target: string | null;
  /** The value of SLUICE_TARGET when the addon was loaded, null if it was not set. */
  forced: string | null;
  /** Those that are compiled and run here, best first. */
  targets: string[];
  /** Those that run here and that this build does not use. */
  unused: string[];
  /** `build` is how it runs its threads; null is what a BLAS other than OpenBLAS does not tell. */
  blas: {
    name: string;
    version: string | null;
    build: 'serial' | 'pthread' | 'openmp' | null;
    core: string | null;
    config: string | null;
  };
}
/** Null in a build without the CPU backend. */
export declare function cpu(): CpuInfo | null;
/** Addon version and build, for bug reports. */
export declare function buildInfo(): { version: string; compiler: string; napi: number };
