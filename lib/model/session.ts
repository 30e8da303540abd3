import { invalid, SluiceError, unknownName } from '../errors.js';
import { custom, oneOf, optional, parseOptions, withDefault } from '../layers/options.js';
import { type NativeSession, native, toSluiceError } from '../native.js';
import type { Tensor } from '../tensor/tensor.js';
import { isRecord } from '../training/data.js';
import type { ModelCore } from './core.js';
import { inForm, type ModelOutput } from './outputs.js';

/** Options of `model.stream`. */
export interface StreamOptions {
  /** 'float32' (default) is the only one in this release. */
  weights?: 'float32' | 'float16' | 'bfloat16' | 'int8';
  /** Go on from a snapshot of a session of the same model. */
  restore?: SessionSnapshot;
}

/** A session's state as plain data: it survives JSON and structured cloning bit for bit. */
export interface SessionSnapshot {
  version: 1;
  /** Names and sizes of the states, in their order. */
  layout: [name: string, size: number][];
  state: number[];
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

const FIELDS = {
  weights: withDefault(oneOf('float32', 'float16', 'bfloat16', 'int8'), 'float32'),
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
    if (weights !== 'float32') {
      throw new SluiceError(
        'UNSUPPORTED',
        `stream: weights '${weights}' are not part of this release`,
        {
          option: 'weights',
          expected: "'float32'",
          received: weights,
        },
      );
    }
    this.#core = core;
    this.#native = native((addon) => new addon.Session(core.engine));
    this.#inputSizes = native(() => this.#native.inputSizes);
    this.#outputSizes = native(() => this.#native.outputSizes);
    const states = native(() => core.engine.states);
    this.#layout = states.map(({ name, shape }) => [name, shape[0] ?? 1]);
    this.#isSimple = core.inputs.length === 1 && core.outputNames.kind === 'single';
    if (restore !== undefined) this.#restore(restore);
  }

  /**
   * Takes one step.
   * @param x one step of each input, as many floats as it has features
   * @param out written and returned; default: fresh memory
   * @throws SluiceError INVALID_ARGUMENT for a wrong size or type, DISPOSED
   */
  push(x: StepInput, out?: StepOf<O>): StepOf<O> {
    if (this.#isSimple) {
      const input = this.#step(x, this.#inputSizes[0] as number, 'x');
      const size = this.#outputSizes[0] as number;
      const output = out === undefined ? new Float32Array(size) : this.#step(out, size, 'out');
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
    const checked = this.#step(value, size, 'state');
    native(() => this.#native.setState(checked));
  }

  /** Back to the beginning: all states zero. */
  reset(): void {
    native(() => this.#native.reset());
  }

  /** The state as plain data, for `model.stream({ restore })`, now or after a restart. */
  snapshot(): SessionSnapshot {
    return { version: 1, layout: structuredClone(this.#layout), state: Array.from(this.state) };
  }

  /** Frees the session; later calls throw DISPOSED. */
  dispose(): void {
    native(() => this.#native.dispose());
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #restore(value: unknown): void {
    const isSnapshot =
      isRecord(value) &&
      value.version === 1 &&
      isLayout(value.layout) &&
      Array.isArray(value.state);
    if (!isSnapshot) throw invalid('restore', 'a snapshot of a session', value, 'stream');
    const expected = JSON.stringify(this.#layout);
    const received = JSON.stringify(value.layout);
    if (expected !== received) {
      throw new SluiceError(
        'SHAPE_MISMATCH',
        `stream: the snapshot is of another model: expected states ${expected}, received ${received}`,
        { option: 'restore', expected, received },
      );
    }
    const state = Array.from(value.state as unknown[]);
    if (!state.every((item) => typeof item === 'number')) {
      throw invalid('restore.state', 'numbers', state, 'stream');
    }
    this.state = Float32Array.from(state as number[]);
  }

  #step(value: unknown, size: number, name: string): Float32Array {
    if (value instanceof Float32Array && value.length === size) return value;
    throw invalid(name, `a Float32Array with ${size} values`, value, this.#core.name);
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
    return sizes.map((size, i) => this.#step(list[i], size, `${what}.${names[i]}`));
  }
}

function isLayout(value: unknown): value is SessionSnapshot['layout'] {
  if (!Array.isArray(value)) return false;
  return value.every((item) => {
    if (!Array.isArray(item) || item.length !== 2) return false;
    const [name, size] = item;
    return typeof name === 'string' && typeof size === 'number';
  });
}
