import { invalid, unknownName } from '../errors.js';
import { custom, oneOf, optional, parseOptions, withDefault } from '../layers/options.js';
import { type NativeSession, native, toSluiceError } from '../native.js';
import type { Tensor } from '../tensor/tensor.js';
import { isRecord } from '../training/data.js';
import type { ModelCore } from './core.js';
import { inForm, type ModelOutput } from './outputs.js';
import { layoutOf, type SessionSnapshot, snapshotOf, stateOf } from './sessionSnapshot.js';

/**
 * How a stream keeps the weight matrices of recurrent layers. Everything else is float32: biases, states,
 * other layers, and what `fit`, `predict` and `save` use.
 *
 * - 'float32': the results are those of `predict`, bit for bit.
 * - 'float16', 'bfloat16': half the memory to read. The results are those of weights rounded to 11 and 8
 *   significant bits. A weight of 65520 or more in magnitude becomes infinite in float16.
 * - 'int8': a quarter, and the fastest from some dozens of units on. One scale a column of a matrix, 127
 *   steps from zero to its largest weight; the activations that meet them are rounded to 16 bits.
 *
 * These hold for the default GRU. One with `resetAfter: false` or other activations, and other recurrent
 * layers, get their weights rounded likewise and compute with them in float32: the same results, no less
 * memory and no more speed.
 * The weights are brought into this form by the first step after they changed.
 */
export type StreamWeights = 'float32' | 'float16' | 'bfloat16' | 'int8';

/** As an option; default 'float32'. */
export const STREAM_WEIGHTS = withDefault(
  oneOf('float32', 'float16', 'bfloat16', 'int8'),
  'float32',
);

/** Options of `model.stream`. */
export interface StreamOptions {
  /** Default 'float32'. */
  weights?: StreamWeights;
  /** Go on from a snapshot of a session of the same model. */
  restore?: SessionSnapshot;
}

/** One step: `Float32Array` where the model has one input (output), else an array or a record. */
export type StepInput =
  | Float32Array
  | readonly Float32Array[]
  | Readonly<Record<string, Float32Array>>;

/** One step's results in the form of the model's outputs. */
export type StepOf<O extends ModelOutput> = O extends Tensor
  ? Float32Array
  : { [K in keyof O]: Float32Array };

/** The value, if it is a Float32Array of this size. */
export function floatsOf(value: unknown, size: number, name: string, where: string): Float32Array {
  if (value instanceof Float32Array && value.length === size) return value;
  throw invalid(name, `a Float32Array with ${size} values`, value, where);
}

const FIELDS = {
  weights: STREAM_WEIGHTS,
  restore: optional(custom<unknown>('a snapshot', (value) => value)),
};

/**
 * One live sequence: `push` takes one step after the other and keeps the state. Synchronous, on the
 * calling thread, microseconds. It sees the weights of the last finished training step. In float32 the
 * results of pushing a sequence are those of `predict`, bit for bit.
 *
 * @example
 * const session = m.stream();
 * const y = session.push(Float32Array.of(0.1, 0.2, 0.3));
 */
export class Session<O extends ModelOutput = ModelOutput> {
  readonly #core: ModelCore;
  readonly #native: NativeSession;
  readonly #inputSizes: readonly number[];
  readonly #outputSizes: readonly number[];
  /** Known from the start, as a session goes on when its model has been disposed. */
  readonly #layout: SessionSnapshot['layout'];
  /** One input and one output: the short way through. */
  readonly #isSimple: boolean;

  /** @internal Use `model.stream`. */
  constructor(core: ModelCore, options: StreamOptions = {}) {
    const { weights, restore } = parseOptions('stream', FIELDS, options);
    this.#core = core;
    this.#native = native((addon) => new addon.Session(core.engine, weights));
    this.#inputSizes = native(() => this.#native.inputSizes);
    this.#outputSizes = native(() => this.#native.outputSizes);
    this.#layout = layoutOf(core);
    this.#isSimple = core.inputs.length === 1 && core.outputNames.kind === 'single';
    if (restore !== undefined) this.state = stateOf(restore, this.#layout, 'restore', 'stream');
  }

  /**
   * Takes one step.
   * @param x one step of each input, as many floats as it has features
   * @param out written and returned; default: fresh memory
   * @throws SluiceError INVALID_ARGUMENT for a wrong size or type, DISPOSED
   */
  push(x: StepInput, out?: StepOf<O>): StepOf<O> {
    if (this.#isSimple) {
      const input = floatsOf(x, this.#inputSizes[0] as number, 'x', this.#core.name);
      const size = this.#outputSizes[0] as number;
      const output =
        out === undefined ? new Float32Array(size) : floatsOf(out, size, 'out', this.#core.name);
      // No closure here: a push takes microseconds.
      try {
        this.#native.pushOne(input, output);
      } catch (error) {
        throw toSluiceError(error);
      }
      return output as StepOf<O>;
    }
    const inputNames = this.#core.inputs.map((port) => port.name);
    const inputs = this.#steps(x, inputNames, this.#inputSizes, 'x');
    const outputs =
      out === undefined
        ? this.#outputSizes.map((size) => new Float32Array(size))
        : this.#steps(out, this.#core.outputNames.names, this.#outputSizes, 'out');
    native(() => this.#native.push(inputs, outputs));
    return (out ?? inForm(outputs, this.#core.outputNames)) as StepOf<O>;
  }

  /** The states of all recurrent layers, one after the other: a copy. */
  get state(): Float32Array {
    return native(() => this.#native.getState());
  }

  /** @throws SluiceError INVALID_ARGUMENT for another size */
  set state(value: Float32Array) {
    const size = native(() => this.#native.stateSize);
    const checked = floatsOf(value, size, 'state', this.#core.name);
    native(() => this.#native.setState(checked));
  }

  /** Back to the beginning: all states zero, or what `initialState: 'learned'` has learned so far. */
  reset(): void {
    native(() => this.#native.reset());
  }

  /** The state as plain data, for `model.stream({ restore })`, now or after a restart. */
  snapshot(): SessionSnapshot {
    return snapshotOf(this.#layout, this.state);
  }

  /** Frees the session; later calls throw DISPOSED. */
  dispose(): void {
    native(() => this.#native.dispose());
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #steps(
    value: unknown,
    names: readonly string[],
    sizes: readonly number[],
    what: string,
  ): Float32Array[] {
    let list: unknown[];
    if (names.length === 1 && value instanceof Float32Array) list = [value];
    else if (Array.isArray(value) && value.length === names.length) list = value;
    else if (isRecord(value)) {
      const extra = Object.keys(value).find((name) => !names.includes(name));
      if (extra !== undefined) throw unknownName(`name in ${what}`, extra, names);
      list = names.map((name) => value[name]);
    } else throw invalid(what, `one Float32Array for each of ${names.join(', ')}`, value);
    return sizes.map((size, i) => floatsOf(list[i], size, `${what}.${names[i]}`, this.#core.name));
  }
}
