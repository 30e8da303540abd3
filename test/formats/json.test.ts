// JSON in which no name stands twice.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStrictJson } from '../../lib/formats/json.js';

describe('parseStrictJson', () => {
  it('reads what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(parseStrictJson(text)).toEqual(JSON.parse(text));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it.each([
    '{"a":1,"a":1}',
    '{"a":1, "a" : 2}',
    '{"a":1,"\\u0061":2}',
    '{"":1,"":2}',
    '[[{"b":{"a":1,"c":[],"a":2}}]]',
    '{"a":{"x":1},"b":{"x":1},"a":{}}',
    '{"__proto__":1,"__proto__":2}',
    '{"a\\"":1,"a\\"":2}',
    '{"a":[1,{"a":1}],"a":2}',
  ])('refuses %s', (text) => {
    expect(() => parseStrictJson(text)).toThrow('stands there twice');
  });

  it.each([
    '{"a":"a","b":"a"}',
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":1}]',
    '{"a":"\\"b\\":1,\\"b\\":1"}',
    '{"a":"}","b":"{","c":["]"]}',
    '{"a\\\\":1,"a":2}',
    '["a","a"]',
  ])('accepts %s', (text) => {
    expect(parseStrictJson(text)).toEqual(JSON.parse(text));
  });

  it('refuses what is not JSON', () => {
    for (const text of ['', '{', '{a:1}', "{'a':1}", '{"a":1}}', 'NaN']) {
      expect(() => parseStrictJson(text)).toThrow(SyntaxError);
    }
  });

  it('takes texts of any length, depth and number of names', () => {
    for (const unit of ['x', '\\"', '\\\\', '{', ' ']) {
      expect(parseStrictJson(`"${unit.repeat(5e6)}"`)).toHaveLength(5e6);
    }
    expect(() => parseStrictJson(`{"a":1,"${'\\"'.repeat(5e6)}":1,"a":2}`)).toThrow('twice');
    parseStrictJson(`${'['.repeat(1e5)}1${']'.repeat(1e5)}`);
    const names = Array.from({ length: 5e4 }, (_, i) => `"${i}":${i}`).join(',');
    expect(Object.keys(parseStrictJson(`{${names}}`) as object)).toHaveLength(5e4);
  });
});
