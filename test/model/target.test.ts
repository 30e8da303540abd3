// SLUICE_TARGET, which is read when the addon is loaded: in processes of their own.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addon } from '../addon/support.js';
import { IS_BUILT, sluice, sluiceJson } from '../cli/support.js';
import { makeTree } from '../scripts/support.js';
import { victim } from '../support/hostile.js';
// @ts-expect-error: plain JavaScript
import { PRELUDE } from '../support/prelude.mjs';

const HERE = addon.cpu()?.targets ?? [];

/** What `script` prints as JSON in a process that was started with this SLUICE_TARGET. */
function withTarget(target: string, script: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', PRELUDE + script], {
    encoding: 'utf8',
    env: { ...process.env, SLUICE_TARGET: target },
    timeout: 50_000,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
}

const PREDICT = `
  const cpu = sluice.devices().find(({ name }) => name === 'cpu');
  const m = build();
  m.predict(tensor(noise(40), [2, 5, 4])).then(({ data }) =>
    console.log(JSON.stringify({ cpu, target: m.explain().ops[0].target, y: [...data] })));`;

/** How every way into the library answers, and that the process goes on. */
const ENTRIES = `
  const calls = {
    sequential: () => build(),
    load: () => load(FILE),
  };
  const told = {};
  (async () => {
    for (const [name, call] of Object.entries(calls)) {
      told[name] = await Promise.resolve().then(call).then(() => null,
        (error) => ({ isOurs: error instanceof sluice.SluiceError, code: error.code, message: error.message, details: error.details }));
    }
    sluice.setThreads(1);
    console.log(JSON.stringify({ told, devices: sluice.devices(), threads: sluice.threads().count }));
  })();`;

describe.skipIf(!IS_BUILT)('SLUICE_TARGET', () => {
  it('chooses the instruction set, by any of its names, and everything says so', () => {
    const results = HERE.flatMap((target) => [target, target.toLowerCase()]).map((target) => {
      const { cpu, target: used, y } = withTarget(target, PREDICT);
      expect(cpu.description).toMatch(`${target.toUpperCase()} (forced by SLUICE_TARGET), `);
      expect(used).toBe(target.toUpperCase());
      return y as number[];
    });
    const { cpu, target, y } = withTarget('', PREDICT); // as if it was not set
    expect(cpu.description).toMatch(new RegExp(`^${HERE[0]}, `));
    expect(target).toBe(HERE[0]);
    for (const other of results) {
      for (const [i, value] of other.entries()) expect(value).toBeCloseTo(y[i], 5);
    }
  });

  it('is a finding of doctor', () => {
    const target = HERE.at(-1) as string;
    const env = { SLUICE_TARGET: target.toLowerCase() };
    const { status, json } = sluiceJson(['doctor'], { env });
    expect(status).toBe(0);
    expect(json.cpu).toMatchObject({ target, forced: env.SLUICE_TARGET, targets: HERE });
    const { stdout } = sluice(['doctor'], { env });
    expect(stdout).toContain(`\n  target  ${target}, forced by SLUICE_TARGET`);
  });

  it.each([
    ['AVX9', 'there is no such instruction set'],
    ['avx2\n', 'there is no such instruction set'],
    ...(process.arch === 'x64' ? [['SSSE3', 'this build has no kernels for it']] : []),
  ])('is refused where it is %j', async (target, why) => {
    const file = join(makeTree({}), 'model.safetensors');
    await victim().save(file);
    const shown = target.replace('\n', '?');
    const reason = `SLUICE_TARGET=${shown}: ${why}; here run ${HERE.join(', ')}`;
    const { told, devices, threads } = withTarget(
      target,
      `const FILE = ${JSON.stringify(file)};${ENTRIES}`,
    );
    const error = {
      isOurs: true,
      code: 'DEVICE_UNAVAILABLE',
      message: reason,
      details: { option: 'SLUICE_TARGET', expected: HERE.join(', '), received: shown },
    };
    expect(told).toEqual({ sequential: error, load: error });
    expect(threads).toBe(1);
    expect(devices).toContainEqual({ name: 'cpu', available: false, description: reason });

    const { status, json } = sluiceJson(['doctor'], { env: { SLUICE_TARGET: target } });
    expect(status).toBe(1);
    expect(json).toMatchObject({ ready: false, cpu: { target: null, forced: shown } });
    expect(json.advice.join('\n')).toContain(reason);
    expect(sluice(['doctor'], { env: { SLUICE_TARGET: target } }).stdout).toContain(
      `\n  target  none: SLUICE_TARGET=${shown} cannot be used (here run: ${HERE.join(' ')})\n`,
    );
  });
});
