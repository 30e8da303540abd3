// GPUs, as the library finds them: in processes that are given libraries made for it (the fakes of
// test/native/cuda/fake, which `npm test` compiles).
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { OpInfo } from 'sluice';
import { describe, expect, it } from 'vitest';
import { IS_BUILT, sluice, sluiceJson } from '../cli/support.js';
import { makeTree, ROOT } from '../scripts/support.js';
// @ts-expect-error: plain JavaScript
import { EMULATED } from '../support/emulated.mjs';
import { distance } from '../support/numbers.js';
// @ts-expect-error: plain JavaScript
import { PRELUDE } from '../support/prelude.mjs';

const FAKES = join(ROOT, 'build', 'fake');
const fake = (fault: string) => join(FAKES, `${fault}.so`);
const TWO = fake('None');
const DRIVER = fake('Driver');

/** Attempts of `call`: its error, or what it returns. */
const HELPERS = `
const told = async (call) => {
  try {
    return await call();
  } catch ({ code, message, details }) {
    return { code, message, details };
  }
};
const print = (value) => console.log(JSON.stringify(value));
const cuda = () => sluice.devices().filter(({ name }) => name.startsWith('cuda'));
const m = build();
const compile = (options) => told(() => m.compile({ loss: 'mse', ...options }) ?? 'compiled');
/** Whether the file is mapped into this process. */
const isMapped = (file) => require('node:fs').readFileSync('/proc/self/maps', 'utf8').includes(file);
`;

/** What a script prints as JSON with this library, and what it says on stderr. */
function run(library: string, script: string, env: NodeJS.ProcessEnv = {}) {
  const source = `${PRELUDE}${HELPERS}(async () => { ${script} })();`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', source], {
    encoding: 'utf8',
    env: { ...process.env, SLUICE_QUIET: '', SLUICE_CUDA_PATH: library, ...env },
    timeout: 50_000,
  });
  expect(status, stderr).toBe(0);
  return { stderr, json: JSON.parse(stdout) };
}

const GPU = (n: number) => ({
  name: `cuda:${n}`,
  available: true,
  description: `Fake GPU ${n}, memory of the host`,
});

describe.skipIf(!IS_BUILT || !existsSync(TWO))('the CUDA library', () => {
  it('is loaded when a device asks for it, not by an import or for the cpu', () => {
    const script = (use: string) => `
      m.compile({ loss: 'mse', device: 'cpu' });
      await m.predict(x);
      const before = isMapped(${JSON.stringify(TWO)});
      ${use};
      print([before, isMapped(${JSON.stringify(TWO)})]);`;
    const uses = [
      "await compile({ device: 'cuda' })",
      "await compile({ device: 'auto' })",
      "await told(() => m.explain({ device: 'cuda:7' }))",
      'cuda()',
      "await load(await m.save(), { device: 'cuda' })",
    ];
    for (const use of uses) expect(run(TWO, script(use)).json, use).toEqual([false, true]);
    expect(run(TWO, script("await compile({ device: 'reference' })")).json).toEqual([false, false]);
  });

  it('brings its devices, each with what it is or why not', () => {
    expect(run(TWO, 'print(cuda())').json).toEqual([GPU(0), GPU(1)]);
    expect(run(fake('Describe'), 'print(cuda())').json).toEqual([
      GPU(0),
      {
        name: 'cuda:1',
        available: false,
        description: 'cuda:1: could not describe itself: it is broken',
      },
    ]);
  });

  it('lists a device that cannot be used until somebody asks for it', () => {
    const { json, stderr } = run(
      fake('Start'),
      `print({
         listed: cuda(),
         first: await compile({ device: 'cuda' }),
         second: await compile({ device: 'cuda:1' }),
         auto: (compile({ device: 'auto' }), m.explain().device),
       });`,
    );
    expect(json.listed).toEqual([GPU(0), GPU(1)]);
    expect(json.first).toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
      message: expect.stringMatching(/^device 'cuda' .* cannot be used: it is broken; there is /),
    });
    expect(json.second).toBe('compiled');
    expect(json.auto).toBe('cuda:1');
    expect(stderr).toBe("sluice: device 'auto' is cuda:1: Fake GPU 1, memory of the host\n");
  });

  it.each([
    ['Abi', /^SLUICE_CUDA_PATH=.*Abi\.so: speaks version \d+ of the interface, this is \d+$/],
    ['Version', /^SLUICE_CUDA_PATH=.*: is of sluice 99\.0\.0, this is \d+\.\d+\.\d+$/],
    ['Symbol', /^SLUICE_CUDA_PATH=.*: is no backend: it has no function sluice_backend$/],
    ['Table', /^SLUICE_CUDA_PATH=.*: gives no table of functions$/],
    ['Driver', /^there is no driver$/],
    ['Silent', /^there is no device$/],
    ['LongReason', /^long: x{1017}$/],
    ['none of them', /^SLUICE_CUDA_PATH=.*: there is no such file$/],
  ])('that has the fault %s is one device that is not available', (fault, reason) => {
    const script = `
      const listed = cuda();
      print({ listed, refused: await compile({ device: 'cuda:1' }), y: await answer(m) });`;
    const { json, stderr } = run(fake(fault), script);
    expect(stderr).toBe('');
    expect(json.listed).toEqual([
      { name: 'cuda', available: false, description: expect.stringMatching(reason) },
    ]);
    expect(json.refused).toEqual({
      code: 'DEVICE_UNAVAILABLE',
      message: `device 'cuda:1' is not available: ${json.listed[0].description}; there is 'cpu', 'reference'`,
      details: { option: 'device', expected: "'cpu', 'reference'", received: 'cuda:1' },
    });
    // The process goes on, as it would have without.
    expect(json.y).toBe(run('', 'print(await answer(m))').json);
  });

  it('that is none says what the system says', () => {
    const file = join(makeTree({ 'text.so': 'not a library' }), 'text.so');
    expect(run(file, 'print(cuda())').json[0].description).toBe(
      `SLUICE_CUDA_PATH=${file}: file too short`,
    );
  });
});

describe.skipIf(!IS_BUILT || !existsSync(TWO))('a device', () => {
  it('that is not there is refused at the call, by every call that names it', () => {
    const { json } = run(
      DRIVER,
      `const options = { device: 'cuda' };
       const calls = {
         compile: () => m.compile({ loss: 'mse', ...options }),
         fit: () => m.fit(x, y, options),
         evaluate: () => m.evaluate(x, y, options),
         predict: () => m.predict(x, options),
         trainOnBatch: () => m.trainOnBatch(x, y, options),
         gradients: () => m.gradients(x, y, options),
         explain: () => m.explain(options),
         measure: () => m.measure(options),
         load: async () => load(await m.save(), options),
       };
       const codes = {};
       for (const [name, call] of Object.entries(calls)) codes[name] = (await told(call)).message;
       print(codes);`,
    );
    const reason =
      "device 'cuda' is not available: there is no driver; there is 'cpu', 'reference'";
    expect(Object.values(json)).toEqual(Array.from({ length: 9 }, () => reason));
  });

  it('beyond those that are there is refused, naming these', () => {
    expect(run(TWO, "print(await compile({ device: 'cuda:2' }))").json).toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
      message: expect.stringContaining("'cuda:0', 'cuda:1'"),
      details: { option: 'device', received: 'cuda:2' },
    });
    const script = `print([await compile({ device: 'cuda' }), await compile({ device: 'cuda:1' })])`;
    expect(run(TWO, script).json).toEqual(['compiled', 'compiled']);
  });

  it("'auto' is the cpu where there is no GPU, and says why, once", () => {
    const script = `
      m.compile({ loss: 'mse', device: 'auto' });
      const bits = await answer(m);
      const { device, deviceReason } = m.explain();
      print({ device, deviceReason, isInText: String(m.explain()).includes("'auto' is cpu: "),
        isSame: bits === sha1(bytes((await m.predict(x, { device: 'cpu' })).data)) });`;
    const { json, stderr } = run(DRIVER, script);
    const reason = 'cuda is not available: there is no driver';
    expect(json).toEqual({ device: 'cpu', deviceReason: reason, isInText: true, isSame: true });
    expect(stderr).toBe(`sluice: device 'auto' is cpu: ${reason}\n`);
  });

  it("'auto' is the first GPU where there is one", () => {
    const { json, stderr } = run(TWO, "print(await compile({ device: 'auto' }))");
    expect(json).toBe('compiled');
    expect(stderr).toBe("sluice: device 'auto' is cuda:0: Fake GPU 0, memory of the host\n");
  });

  it("'auto' says nothing where SLUICE_QUIET is set", () => {
    const script = "print(await compile({ device: 'auto' }))";
    expect(run(TWO, script, { SLUICE_QUIET: '1' }).stderr).toBe('');
  });

  it('that load is given holds for all calls, and for compile', () => {
    const script = `
      const bytes = await m.save();
      const there = await load(bytes, { device: 'reference' });
      const devices = [there.explain().device, there.explain({ device: 'cpu' }).device];
      there.compile({ loss: 'mse' });
      devices.push(there.explain().device);
      there.compile({ loss: 'mse', device: 'cpu' });
      devices.push(there.explain().device, (await load(bytes)).explain().device);
      const wrong = await told(() => load(bytes, { device: 'gpu' }));
      print({ devices, wrong, option: (await told(() => load(bytes, { strict: true }))).message });`;
    const { json } = run(TWO, script);
    expect(json.devices).toEqual(['reference', 'cpu', 'reference', 'cpu', 'cpu']);
    expect(json.wrong).toMatchObject({ code: 'INVALID_ARGUMENT', details: { option: 'device' } });
    expect(json.option).toBe("load: unknown option 'strict' (known: device, precision)");
  });
});

describe.skipIf(!IS_BUILT || !existsSync(TWO))('a model on a device', () => {
  it.each([
    ['emulated', EMULATED],
    ['without kernels', TWO],
  ])('%s computes what it does on the cpu', (_, library) => {
    const script = `
      const on = async (device) => {
        const m = build();
        m.compile({ loss: 'mse', device });
        const rows = tensor(noise(6 * 5 * 4), [6, 5, 4]), targets = tensor(noise(6), [6, 1]);
        const { loss } = await m.evaluate(rows, targets, { batchSize: 4 });
        const { data } = await m.predict(rows);
        const { gradients } = await m.gradients(rows, targets);
        const all = Object.values(gradients).flatMap(({ data }) => [...data]);
        return { device: m.explain({ batch: 2, steps: 3 }).device, y: [loss, ...data, ...all] };
      };
      print([await on('cuda'), await on('cpu')]);`;
    const [cuda, cpu] = run(library, script).json;
    expect([cuda.device, cpu.device]).toEqual(['cuda:0', 'cpu']);
    expect(distance(cuda.y, cpu.y)).toBeLessThan(1e-5);
  });

  it('trains as on the cpu, and as well in the other precisions', () => {
    const script = `
      const on = async (device, precision = 'float32') => {
        const m = build();
        m.compile({ loss: 'mse', optimizer: 'adam', device, precision });
        const rows = tensor(noise(40 * 5 * 4), [40, 5, 4]), targets = tensor(noise(40), [40, 1]);
        const { history } = await m.fit(rows, targets, {
          epochs: 3, batchSize: 8, validationSplit: 0.2, lengths: Array(40).fill(4), verbose: 0,
        });
        return [...history.loss, ...history.val_loss, ...(await m.predict(rows)).data];
      };
      const all = [await on('cpu')];
      for (const precision of ['float32', 'tf32', 'bfloat16', 'float16']) all.push(await on('cuda', precision));
      print(all);`;
    const [cpu, ...cuda] = run(EMULATED, script).json;
    const bounds = [1e-5, 1e-2, 5e-2, 1e-2];
    for (const [i, got] of cuda.entries()) {
      expect(distance(got, cpu), `precision ${i}`).toBeLessThan(bounds[i] as number);
    }
  });

  it('is refused by strict where the device lacks an operation, in the same words by every call', () => {
    const script = `
      const strict = { device: 'cuda', strict: true };
      const calls = [
        () => m.predict(x, strict),
        () => m.explain(strict),
        () => m.measure(strict),
        () => m.evaluate(x, y, strict),
        () => m.trainOnBatch(x, y, strict),
      ];
      const all = [];
      for (const call of calls) all.push(await told(call));
      print({ all, layer: m.explain().ops[0].layer });`;
    const { all, layer } = run(TWO, script).json;
    expect(all).toHaveLength(5);
    for (const error of all) {
      expect(error).toEqual({
        code: 'UNSUPPORTED',
        message: `${layer}: gru does not run on the fast path of 'cuda:0': cuda:0 has no kernel for gru`,
        details: { layer, option: 'strict', received: 'cpu.gru' },
      });
    }
  });

  it('is explained without threads of the processor', () => {
    const script = `
      const explained = m.explain({ device: 'cuda', batch: 2, steps: 3 });
      print({ ops: explained.ops, text: String(explained) });`;
    const { ops, text } = run(EMULATED, script).json;
    expect(ops.map(({ op, threads, split }: OpInfo) => [op, threads, split])).toEqual([
      ['gru', 0, 'rows and units'],
      ['gru', 0, 'rows and units'],
      ['dense', 0, null],
    ]);
    expect(text).not.toMatch(/one thread|slower path/);
    // Operations of the host in between have threads.
    const host = `
      const { ops } = m.explain({ device: 'cuda', batch: 2, steps: 3 });
      print(ops.every(({ device, threads }) => device === 'cpu' && threads > 0));`;
    expect(run(TWO, host).json).toBe(true);
  });

  it('says that the cpu computes in float32 alone', () => {
    const script = `
      const calls = [
        () => m.predict(x, { precision: 'bfloat16' }),
        () => m.explain({ precision: 'bfloat16' }),
        () => m.measure({ precision: 'bfloat16' }),
        async () => (await load(await m.save(), { precision: 'bfloat16' })).predict(x),
      ];
      const all = [];
      for (const call of calls) all.push(await told(call));
      print(all);`;
    const { json } = run(TWO, script);
    expect(json).toHaveLength(4);
    for (const error of json) {
      expect(error).toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringContaining('float32 alone'),
        details: { option: 'precision', received: 'bfloat16' },
      });
    }
  });
});

describe.skipIf(!IS_BUILT || !existsSync(TWO))('GPUs in worker threads', () => {
  const WORKERS = `
    const { Worker } = require('node:worker_threads');
    const work = (script) => new Promise((resolve, reject) => {
      const worker = new Worker(${JSON.stringify(PRELUDE + HELPERS)} +
        'const { parentPort } = require("node:worker_threads");(async () => {' + script + '})()', { eval: true });
      worker.once('message', resolve).once('error', reject);
    });`;

  it('are the same in all of them, whoever is first', () => {
    const script = `${WORKERS}
      const listed = await Promise.all(
        Array.from({ length: 4 }, () => work('parentPort.postMessage(cuda());')));
      print([...listed, cuda()]);`;
    expect(run(TWO, script).json).toEqual(Array.from({ length: 5 }, () => [GPU(0), GPU(1)]));
  });

  it("are what 'auto' means in all of them, said once a process", () => {
    const script = `${WORKERS}
      const compiled = await Promise.all(Array.from({ length: 3 }, () =>
        work("parentPort.postMessage(await compile({ device: 'auto' }));")));
      print([...compiled, await compile({ device: 'auto' })]);`;
    const { json, stderr } = run(TWO, script);
    expect(json).toEqual(Array.from({ length: 4 }, () => 'compiled'));
    expect(stderr).toBe("sluice: device 'auto' is cuda:0: Fake GPU 0, memory of the host\n");
  });

  it('are found by the main thread after the worker that found them has ended', () => {
    const script = `${WORKERS}
      const theirs = await work('parentPort.postMessage(cuda());');
      await new Promise((resolve) => setTimeout(resolve, 50));
      print([theirs, cuda(), await compile({ device: 'cuda' })]);`;
    const both = [GPU(0), GPU(1)];
    expect(run(TWO, script).json).toEqual([both, both, 'compiled']);
  });
});

describe.skipIf(!IS_BUILT || !existsSync(TWO))('sluice doctor', () => {
  const doctor = (library: string) => ({
    ...sluiceJson(['doctor'], { env: { SLUICE_CUDA_PATH: library } }),
    text: sluice(['doctor'], { env: { SLUICE_CUDA_PATH: library } }).stdout,
  });

  it('lists the GPUs and where the library was found', () => {
    const { status, json, text } = doctor(TWO);
    expect(status).toBe(0);
    expect(json.cuda).toEqual({
      loaded: { place: 'explicit', file: TWO },
      places: [
        { place: 'explicit', name: `SLUICE_CUDA_PATH=${TWO}`, status: 'taken', reason: null },
      ],
    });
    expect(json.devices).toEqual(expect.arrayContaining([GPU(0), GPU(1)]));
    expect(text).toContain(`\n  library  ${TWO} (named by the environment)\n`);
    expect(text).toContain('\n  cuda:0: available: Fake GPU 0, memory of the host\n');
  });

  it('says why there are none, which is no failure', () => {
    const busy = doctor(fake('Start'));
    expect(busy.status).toBe(0);
    expect(busy.json.devices).toEqual(
      expect.arrayContaining([
        { ...GPU(0), available: false, description: expect.stringContaining('it is broken') },
        GPU(1),
      ]),
    );
    const none = doctor(DRIVER);
    expect(none.status).toBe(0);
    expect(none.json.cuda.loaded).toEqual({ place: 'explicit', file: DRIVER });
    expect(none.json.cuda.places[0]).toMatchObject({
      status: 'taken',
      reason: 'there is no driver',
    });
    expect(none.text).toContain('\n  cuda: not available: there is no driver\n');

    const foreign = doctor(fake('Version'));
    expect(foreign.status).toBe(0);
    expect(foreign.json.cuda.loaded).toBe(null);
    expect(foreign.json.cuda.places[0].status).toBe('failed');
    expect(foreign.text).toMatch(
      /\n {2}library +none\n {2}not taken +SLUICE_CUDA_PATH=.*: is of sluice /,
    );
  });
});
