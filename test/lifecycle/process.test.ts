// A process ends when and how its program says, whatever the library is doing.
import { describe, expect, it } from 'vitest';
import { expectOutput, interrupt, PRELUDE, run } from '../support/process.js';

describe('a process ends by itself', () => {
  it('after an import, and after a model was made', () => {
    expectOutput(`build(); build().stream();`, '');
  });

  it('when fit is done, and not before', () => {
    expectOutput(
      `build().fit(x, y, FIT).then((history) => console.log(history.epoch));`,
      '[ 0, 1, 2 ]\n',
    );
  });

  it('after all kinds of calls, with a signal that is never aborted', () => {
    expectOutput(
      `(async () => {
        const m = build(), { signal } = new AbortController();
        await m.fit(x, y, { ...FIT, signal, validationSplit: 0.25 });
        await m.evaluate(x, y, { signal });
        await m.predict(x, { signal, batchSize: 7 });
        await m.vjp(x, y, { signal });
        await m.gradients(x, y, { loss: 'mae' });
        const again = await load(await m.save());
        again.stream().push(new Float32Array(4));
        await again.predict(x);
        console.log(bits(m) === bits(again));
      })();`,
      'true\n',
    );
  });

  it('with lines of progress, which go to stderr', () => {
    const { status, stdout, stderr } = run(`${PRELUDE} build().fit(x, y, { ...FIT, verbose: 2 });`);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    expect(stderr.trim().split('\n')).toHaveLength(3);
  });

  it('with a bar of progress, which goes to stderr', () => {
    const { status, stdout } = run(`${PRELUDE} build().fit(x, y, { ...FIT, verbose: 1 });`);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });
});

describe('a process ends in mid-fit', () => {
  it('by process.exit, from a timer and from a callback', () => {
    const ended = { status: 7, signal: null, stdout: '', stderr: '' };
    const busy = 'const { m, started } = startFit(); const p = m.predict(x, { batchSize: 1 });';
    expect(run(`${PRELUDE} ${busy} process.exit(7);`)).toEqual(ended);
    expect(run(`${PRELUDE} ${busy} started.then(() => process.exit(7));`)).toEqual(ended);
    expect(run(`${PRELUDE} ${busy} setTimeout(() => process.exit(7), 30);`)).toEqual(ended);
    const exit = `{ callbacks: [{ onBatchEnd: () => process.exit(7) }] }`;
    expect(run(`${PRELUDE} startFit(build(), ${exit});`)).toEqual(ended);
  });

  it('by process.exit while a model is saved', () => {
    const result = run(`${PRELUDE} const { m, started } = startFit();
      started.then(() => { m.save(); m.save('/dev/null/none').catch(() => {}); process.exit(7); });`);
    expect(result).toEqual({ status: 7, signal: null, stdout: '', stderr: '' });
  });

  it('by an uncaught exception', () => {
    const { status, signal, stderr } = run(`${PRELUDE}
      startFit().started.then(() => setTimeout(() => { throw new Error('mine'); }));`);
    expect({ status, signal }).toEqual({ status: 1, signal: null });
    expect(stderr).toContain('Error: mine');
    expect(stderr).not.toContain('Native stack trace');
  });

  it('by the rejection of fit itself, which nobody handles', () => {
    const { status, stderr } = run(`${PRELUDE}
      build().fit(x, y, { callbacks: [{ onBatchEnd() { throw new Error('mine'); } }] });`);
    expect(status).toBe(1);
    expect(stderr).toContain('Error: mine');
  });

  it('but goes on after an exception that is caught', () => {
    expectOutput(
      `process.on('uncaughtException', (error) => console.log(error.message));
      setTimeout(() => { throw new Error('mine'); }, 5);
      build().fit(x, y, { ...FIT, epochs: 20 }).then(({ epoch }) => console.log(epoch.length));`,
      'mine\n20\n',
    );
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGHUP'] as const)('by %s', async (name) => {
    const result = await interrupt(
      `const { started } = startFit(); started.then(() => console.log('fits'));`,
      name,
    );
    expect(result).toEqual({ status: null, signal: name, stdout: 'fits\n', stderr: '' });
  });

  it('in good order where SIGTERM aborts the fit', async () => {
    const script = `
      const controller = new AbortController();
      process.once('SIGTERM', () => controller.abort('SIGTERM'));
      const { m, started, ended } = startFit(build(), { signal: controller.signal });
      started.then(() => console.log('fits'));
      ended.catch(async (error) => {
        console.log(error.name, error.cause, (await m.save()).length > 1000);
      });`;
    expect(await interrupt(script, 'SIGTERM')).toEqual({
      status: 0,
      signal: null,
      stdout: 'fits\nAbortError SIGTERM true\n',
      stderr: '',
    });
  });
});

describe('modules', () => {
  it('import and require share one instance', () => {
    const { status, stdout, stderr } = run(
      `const { pathToFileURL } = require('node:url');
      const required = require('sluice');
      (async () => {
        const byName = await import('sluice');
        const byPath = await import(pathToFileURL(require.resolve('./dist/index.mjs')));
        const m = byName.sequential([required.layers.gru({ units: 2 })], { inputShape: [null, 1] });
        const error = await m.predict(1).catch((caught) => caught);
        const thrown = await required.load('').catch((caught) => caught);
        console.log(
          Object.keys(byName).filter((name) => byName[name] !== required[name] && name !== 'default'),
          Object.keys(required).filter((name) => byName[name] !== required[name]),
          byName.SluiceError === byPath.SluiceError,
          error instanceof required.SluiceError, thrown instanceof byName.SluiceError,
          m instanceof required.Model,
          (await m.predict(required.tensor([[[1]]]))) instanceof byName.Tensor,
        );
      })();`,
    );
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: '[] [] true true true true true\n',
      stderr: '',
    });
  });

  it('errors of workers and of the main thread are told apart by their code', () => {
    expectOutput(
      `const { Worker } = require('node:worker_threads');
      const script = ${JSON.stringify(PRELUDE)} + "build().predict(1)";
      new Worker(script, { eval: true }).once('error', (error) => console.log(error.code));`,
      'INVALID_ARGUMENT\n',
    );
  });
});
