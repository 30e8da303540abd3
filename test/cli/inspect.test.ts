// `sluice inspect`: what it shows of a model file, and what it says of files that are none.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { input, layers, model, sequential, tensor } from 'sluice';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeTree } from '../scripts/support.js';
import { doctored, safetensorsFile } from '../support/files.js';
import { makePackage } from '../support/package.js';
import { IS_BUILT, MANIFEST, sluice, sluiceJson } from './support.js';

/** Writes a file that goes away with the test. */
function fileOf(bytes: Uint8Array, name = 'model.safetensors'): string {
  const path = join(makeTree({}), name);
  writeFileSync(path, bytes);
  return path;
}

let weather: Uint8Array;
beforeAll(async () => {
  const built = sequential(
    [
      layers.normalization({ mean: [1, 2, 3], variance: [4, 5, 6] }),
      layers.gru({ units: 2, trainable: false }),
      layers.dense({ units: 1, name: 'head' }),
    ],
    { inputShape: [null, 3], seed: 7, name: 'weather' },
  );
  built.setWeights({ 'head/kernel': tensor([[-1.5], [0.5]]), 'head/bias': tensor([2]) });
  built.compile({ optimizer: 'adam', loss: 'mse', metrics: ['mae'] });
  weather = await built.save();
});

describe.skipIf(!IS_BUILT)('sluice inspect', () => {
  it('prints all of a model file as JSON', () => {
    const path = fileOf(weather);
    const { status, stderr, json } = sluiceJson(['inspect', path]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { layers: list, parameters, compiled, ...rest } = json;
    expect(rest).toEqual({
      file: path,
      bytes: weather.byteLength,
      format: 1,
      writer: MANIFEST.version,
      metadata: {},
      name: 'weather',
      seed: 7,
      inputs: [{ name: 'input', shape: [null, null, 3], dtype: 'float32' }],
      outputs: [{ name: 'head', layer: 'head', shape: [null, 1] }],
      totals: { parameters: 51, trainable: 3 },
      normalization: [
        { layer: 'normalization', invert: false, mean: [1, 2, 3], variance: [4, 5, 6] },
      ],
    });
    expect(list.map(({ options: _, ...layer }: Record<string, unknown>) => layer)).toEqual([
      { name: 'input', kind: 'input', inputs: [], outputs: [[null, null, 3]], parameters: 0 },
      {
        name: 'normalization',
        kind: 'normalization',
        inputs: ['input'],
        outputs: [[null, null, 3]],
        parameters: 6,
      },
      { name: 'gru', kind: 'gru', inputs: ['normalization'], outputs: [[null, 2]], parameters: 42 },
      { name: 'head', kind: 'dense', inputs: ['gru'], outputs: [[null, 1]], parameters: 3 },
    ]);
    expect(list[2].options).toMatchObject({ units: 2, resetAfter: true, trainable: false });
    expect(parameters).toHaveLength(7);
    expect(parameters).toContainEqual({
      name: 'head/kernel',
      layer: 'head',
      shape: [2, 1],
      dtype: 'F32',
      trainable: true,
      count: 2,
      min: -1.5,
      max: 0.5,
      mean: -0.5,
      nonFinite: 0,
    });
    expect(parameters).toContainEqual(
      expect.objectContaining({ name: 'gru/bias', shape: [2, 6], trainable: false, mean: 0 }),
    );
    expect(compiled).toMatchObject({
      optimizer: { kind: 'adam', learningRate: 0.001 },
      losses: [{ kind: 'meanSquaredError' }],
      lossWeights: [1],
      metrics: [[{ kind: 'meanAbsoluteError' }]],
    });
  });

  it('prints the same for people', () => {
    const path = fileOf(weather);
    const { status, stdout } = sluice(['inspect', path]);
    expect(status).toBe(0);
    const size = `${(weather.byteLength / 1024).toFixed(1)} KiB`;
    const lines = stdout.split('\n');
    expect(lines.slice(0, 6)).toEqual([
      `${path}: ${size}, format 1, written by sluice ${MANIFEST.version}`,
      '  model       weather (seed 7)',
      '  inputs      input [null,null,3] float32',
      '  outputs     head [null,1]',
      '  parameters  51, 48 of them not trainable',
      '  compiled    adam, learning rate 0.001; loss meanSquaredError; metrics meanAbsoluteError',
    ]);
    const squeezed = lines.map((line) => line.replace(/ +/g, ' '));
    expect(squeezed).toContain('gru (gru) normalization [null,2] 42');
    expect(squeezed).toContain('head/kernel [2,1] F32 yes -1.5 0.5 -0.5');
    expect(squeezed).toContain('normalization 2 3 6');
  });

  it('shows graphs, outputs by their names, and models that were not compiled', async () => {
    const x = input({ shape: [null, 20], name: 'series' });
    const scaled = layers.normalization().apply(x);
    const state = layers.gru({ units: 3 }).apply(scaled);
    const outputs = { rain: layers.dense({ units: 1, activation: 'sigmoid' }).apply(state) };
    const { stdout } = sluice(['inspect', fileOf(await model({ inputs: x, outputs }).save())]);
    expect(stdout).toContain('  outputs     rain [null,1] (of dense)\n');
    expect(stdout).toContain('  compiled    no\n');
    expect(stdout).toMatch(/\nnormalization +12 more\n/);
  });

  it('counts what is not finite apart', async () => {
    const built = sequential([layers.dense({ units: 2, name: 'd' })], { inputShape: [2] });
    const values = Float32Array.of(1, Number.NaN, Number.POSITIVE_INFINITY, 3);
    const file = await built.save();
    // The values stand at the end of the file: kernel, then bias.
    new Uint8Array(file.buffer).set(new Uint8Array(values.buffer), file.byteLength - 24);
    const path = fileOf(file);
    expect(sluiceJson(['inspect', path]).json.parameters).toContainEqual(
      expect.objectContaining({ name: 'd/kernel', min: 1, max: 3, mean: 2, nonFinite: 2 }),
    );
    expect(sluice(['inspect', path]).stdout).toMatch(/Not finite\n-+\nd\/kernel .* 2\n/);
  });
});

describe.skipIf(!IS_BUILT)('sluice inspect, of files that are no model,', () => {
  /** One line on stderr, the same as JSON, exit code 1. */
  function refused(path: string, code: string, message: RegExp): void {
    const { status, stderr, json } = sluiceJson(['inspect', path]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^sluice: [A-Z_]+: [^\n]+\n$/);
    expect(stderr).toBe(`sluice: ${code}: ${json.error.message}\n`);
    expect(json).toEqual({ error: { code, message: expect.stringMatching(message), details: {} } });
  }

  it('names what the file system says', () => {
    refused('/nonexistent/m.safetensors', 'ENOENT', /^no such file or directory, open '\/nonexist/);
    refused(makeTree({}), 'EISDIR', /directory/);
    refused('/nonexistent/\u001b[31m', 'ENOENT', /\\u\{1b\}\[31m/);
  });

  it('names what is wrong with the contents', () => {
    refused(fileOf(new Uint8Array(0)), 'FORMAT', /0 bytes/);
    refused(fileOf(Buffer.from('{"layers": []} and more')), 'FORMAT', /header claims/);
    refused(fileOf(weather.slice(0, weather.length - 1)), 'FORMAT', /lies at .* the data has/);
    refused(fileOf(weather.slice(0, 100)), 'FORMAT', /the file has 100/);
    refused(fileOf(safetensorsFile({})), 'FORMAT', /not a model of sluice/);
    const newer = doctored(weather, (_, header) => {
      (header.__metadata__ as Record<string, string>)['sluice.format'] = '99';
    });
    refused(fileOf(newer), 'FORMAT', /format version 99/);
  });

  it('does not let a file write to the terminal', () => {
    const evil = '\u001b[2J\u009b1m\u202e\n';
    const file = doctored(weather, (record, header) => {
      record.name = evil;
      const metadata = header.__metadata__ as Record<string, string>;
      metadata['sluice.version'] = evil;
      metadata[evil] = evil;
    });
    const { status, stdout } = sluice(['inspect', fileOf(file)]);
    expect(status).toBe(0);
    expect(stdout.match(/\\u\{1b\}\[2J\\u\{9b\}1m\\u\{202e\}\\u\{a\}/g)).toHaveLength(4);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u0080-\u009f\u202e]/);
    expect(sluiceJson(['inspect', fileOf(file)]).json).toMatchObject({
      name: evil,
      writer: evil,
      metadata: { [evil]: evil },
    });
  });

  it('needs the addon, and says where it was looked for', () => {
    const { status, stdout, stderr } = sluice(['inspect', fileOf(weather)], {
      root: makePackage({}),
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(
      /^sluice: NATIVE_NOT_FOUND: the native addon .*\n {2}SLUICE_ADDON_PATH: /,
    );
    expect(stderr).toContain('\nTo compile it, run: npx sluice build\n');
    expect(stderr).not.toContain('\n    at ');
  });
});
