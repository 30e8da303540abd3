import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTree, runScript } from './support.js';

const DECLARATION = `
export interface Options { name: string }
export declare class Model {
  constructor(options: Options);
  readonly weights: number[];
  run(kind: string): Promise<void>;
  [Symbol.dispose](): void;
  static load(path: string): Model;
  private hidden: number;
}
export declare function devices(): string[];
export declare const version: string;
`;

const ADDON = `
class Model {
  get weights() { return []; }
  async run() {}
  [Symbol.dispose]() {}
  static load() {}
}
module.exports = { Model, devices() { return []; }, version: '1' };
`;

function check(declaration: string, addon: string) {
  const folder = makeTree({ 'binding.d.ts': declaration, 'addon.cjs': addon });
  return runScript('check-binding.mjs', join(folder, 'binding.d.ts'), join(folder, 'addon.cjs'));
}

describe('check-binding', () => {
  it('passes where both have the same names', () => {
    expect(check(DECLARATION, ADDON)).toEqual({
      status: 0,
      lines: ['binding: 7 names agree'],
    });
  });

  it('finds what only the declaration has', () => {
    const addon = ADDON.replace('get weights() { return []; }', '').replace("version: '1'", '');
    const { status, lines } = check(DECLARATION, addon);
    expect(status).toBe(1);
    expect(lines).toEqual([
      'error: binding.d.ts has Model#get weights, the addon not',
      'error: binding.d.ts has version, the addon not',
    ]);
  });

  it('finds what only the addon has', () => {
    const addon = ADDON.replace(
      'static load() {}',
      'static load() {} static save() {} dispose() {}',
    );
    const { status, lines } = check(
      DECLARATION,
      addon.replace('devices()', 'reset() {}, devices()'),
    );
    expect(status).toBe(1);
    expect(lines.sort()).toEqual([
      'error: the addon has Model#dispose(), binding.d.ts not',
      'error: the addon has Model.static save, binding.d.ts not',
      'error: the addon has reset(), binding.d.ts not',
    ]);
  });

  it('finds what was renamed', () => {
    const { status, lines } = check(DECLARATION, ADDON.replaceAll('run()', 'execute()'));
    expect(status).toBe(1);
    expect(lines).toEqual([
      'error: binding.d.ts has Model#run(), the addon not',
      'error: the addon has Model#execute(), binding.d.ts not',
    ]);
  });

  it('tells a method from an accessor, a function from a constant, static from not', () => {
    const addon = ADDON.replace('get weights()', 'weights()')
      .replace('static load', 'load')
      .replace("version: '1'", 'version() {}');
    const { status, lines } = check(DECLARATION, addon);
    expect(status).toBe(1);
    expect(lines.sort()).toEqual([
      'error: binding.d.ts has Model#get weights, the addon not',
      'error: binding.d.ts has Model.static load, the addon not',
      'error: binding.d.ts has version, the addon not',
      'error: the addon has Model#load(), binding.d.ts not',
      'error: the addon has Model#weights(), binding.d.ts not',
      'error: the addon has version(), binding.d.ts not',
    ]);
  });
});
