// How wrong values are shown: in one short line, whatever they are.
import { SluiceError, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { invalid, show, unexpected, unknownName } from '../lib/errors.js';
import { STRANGERS, THROWING } from './support/hostile.js';

const received = (value: unknown) => invalid('name', 'a thing', value).details.received;

describe('what was received', () => {
  it.each<[unknown, string]>([
    [undefined, 'nothing'],
    [null, 'null'],
    [5, '5 of type number'],
    [-0, '0 of type number'],
    [Number.NaN, 'NaN of type number'],
    [10n, '10n of type bigint'],
    [true, 'true of type boolean'],
    ['text', "'text' of type string"],
    ['', "'' of type string"],
    ['a\nb\0\u0085', "'a\\x0ab\\x00\\x85' of type string"],
    [Symbol('s'), 'Symbol(s) of type symbol'],
    [() => 1, 'a function'],
    [class Thing {}, 'a function'],
    [{}, '{} of type Object'],
    [{ a: 1, b: 2 }, '{ a, b } of type Object'],
    [{ a: 1, b: 2, c: 3, d: 4, e: 5 }, '{ a, b, c, d, ... } of type Object'],
    [[], '[] of type Array'],
    [[1, 'a', [2], null], "[1, 'a', [...], null] of type Array"],
    [[1, 2, 3, 4, 5], '[1, 2, 3, 4, ... (5 items)] of type Array'],
    [new Float32Array(3), 'a Float32Array with 3 values'],
    [new DataView(new ArrayBuffer(3)), 'a DataView with 3 bytes'],
    [tensor([[1, 2]]), 'a float32 tensor [1,2]'],
    [tensor([true]), 'a bool tensor [1]'],
    [{ shape: [1, null] }, '[1,null] of type Object'],
    [{ shape: [{}] }, '{ shape } of type Object'],
    [new Date(0), '{} of type Date'],
    [Object.create(null), '{} of type object'],
  ])('%#', (value, text) => {
    expect(received(value)).toBe(text);
  });

  it('never fails, and is never long', () => {
    const endless: unknown[] = [];
    endless.push(endless, { endless });
    const long = ['x'.repeat(1e6), new Array(1e6).fill('y'.repeat(100)), endless];
    for (const value of [...STRANGERS, ...THROWING].map(([, stranger]) => stranger).concat(long)) {
      expect(received(value)?.length).toBeLessThan(300);
      expect(show([value, [value], { value }])).not.toMatch(/\p{Cc}/u);
    }
  });
});

describe('messages', () => {
  it('lead with the place and end with the hint', () => {
    const error = invalid('units', 'an integer', 'x', 'gru', 'try 64');
    expect(error).toBeInstanceOf(SluiceError);
    expect(error.message).toBe(
      "gru: expected an integer for units, received 'x' of type string; try 64",
    );
    expect(error.details).toEqual({
      layer: 'gru',
      option: 'units',
      expected: 'an integer',
      received: "'x' of type string",
    });
    const bare = unexpected('x', 'two rows', 'one row');
    expect(bare.message).toBe('expected two rows for x, received one row');
    expect(bare.details).not.toHaveProperty('layer');
  });

  it('suggest the name that was meant, if one is near', () => {
    const known = ['kernel', 'recurrent_kernel', 'bias'];
    const text = (name: string) => unknownName('weight', name, known).message;
    expect(text('kernl')).toContain("did you mean 'kernel'?");
    expect(text('Bias')).toContain("did you mean 'bias'?");
    expect(text('weights')).not.toContain('did you mean');
    expect(text('x'.repeat(1e5)).length).toBeLessThan(200);
    expect(unknownName('weight', 'x', []).message).toBe("unknown weight 'x' (there are none)");
  });
});
