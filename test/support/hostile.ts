// Values and memory that no call was made for, and models to be attacked.
import { layers, type Model, sequential, type Tensor, tensor } from 'sluice';
import { expect } from 'vitest';

/** What no option and no argument of this package accepts. */
export const STRANGERS: [name: string, value: unknown][] = [
  ['null', null],
  ['NaN', Number.NaN],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['a symbol', Symbol('s')],
  ['a bigint', 10n],
  ['a function', () => 1],
  ['an empty object', {}],
  ['an empty string', ''],
  ['a Date', new Date(0)],
  ['a Map', new Map([['units', 1]])],
  ['a Promise', Promise.resolve(1)],
  ['a number object', new Number(1)],
  ['a string object', new String('tanh')],
  ['an ArrayBuffer', new ArrayBuffer(8)],
  ['a DataView', new DataView(new ArrayBuffer(8))],
  ['a BigInt64Array', new BigInt64Array(2)],
  ['an object without a prototype', Object.create(null)],
  ['a class with a strange name', strangelyNamed()],
];

/** They throw whatever is done to them, which is the caller's own exception, not ours. */
export const THROWING: [name: string, value: object][] = [
  ['a proxy that throws', throwingProxy()],
  ['a revoked proxy', revokedProxy()],
];

/** An array with nothing at its start, not even `undefined`. */
export function afterHole<T>(...items: T[]): T[] {
  const result: T[] = [];
  items.forEach((item, i) => {
    result[i + 1] = item;
  });
  return result;
}

function throwingProxy(): object {
  const fail = () => {
    throw new Error('a trap of the proxy');
  };
  const traps = { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail };
  return new Proxy({}, { ...traps, getOwnPropertyDescriptor: fail });
}

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function strangelyNamed(): object {
  class Named {}
  Object.defineProperty(Named, 'name', { value: Symbol('no string') });
  return new Named();
}

/** Takes the memory away, as a transfer to a worker does. */
export function detach(view: ArrayBufferView): void {
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
}

interface Resizable extends ArrayBuffer {
  resize(bytes: number): void;
}

/** A view that follows the length of its buffer, and the buffer. */
export function resizable(values: number): { view: Float32Array<ArrayBuffer>; buffer: Resizable } {
  const Buffer = ArrayBuffer as unknown as new (bytes: number, options: object) => Resizable;
  const buffer = new Buffer(values * 4, { maxByteLength: values * 8 });
  return { view: new Float32Array(buffer), buffer };
}

/** [rows, steps, 3], not the same anywhere. */
export function sequences(rows: number, steps = 4): Tensor<'float32'> {
  const data = Float32Array.from({ length: rows * steps * 3 }, (_, i) => Math.sin(i));
  return tensor(data, [rows, steps, 3]);
}

export function targets(rows: number): Tensor<'float32'> {
  return tensor(
    Float32Array.from({ length: rows }, (_, i) => Math.cos(i)),
    [rows, 1],
  );
}

/** [steps, 3] -> gru(4) -> dense(1), compiled. */
export function victim(): Model {
  const built = sequential([layers.gru({ units: 4 }), layers.dense({ units: 1 })], {
    inputShape: [null, 3],
    seed: 1,
  });
  built.compile({ optimizer: 'sgd', loss: 'mse' });
  return built;
}

/**
 * A model that computes on the side of an attack: what it predicts before, meanwhile and afterwards has
 * to be the same, bit for bit.
 */
export class Bystander {
  readonly #model = victim();
  readonly #x = sequences(300, 8);
  #expected: number[] | undefined;

  async check(): Promise<void> {
    const { data } = await this.#model.predict(this.#x, { batchSize: 64 });
    this.#expected ??= [...data];
    expect([...data]).toEqual(this.#expected);
  }

  /** Runs it next to an attack, and once more after it. */
  async beside<T>(attack: () => Promise<T>): Promise<T> {
    await this.check();
    const [result] = await Promise.all([attack(), this.check()]);
    await this.check();
    return result;
  }
}
