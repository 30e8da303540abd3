// Model.run: results, errors, what may happen while a run is under way.
import { describe, expect, it } from 'vitest';
import {
  addon,
  COMPILE,
  expectCode,
  expectRejection,
  OPTIONS,
  slot,
  slowRun,
  smallModel,
  trainable,
} from './support.js';

const tick = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('run', () => {
  it('returns sums, and gradients where they are asked for', async () => {
    const { model, batch } = trainable();
    const evaluated = await model.run('evaluate', batch, OPTIONS);
    expect(evaluated.sums).toBeInstanceOf(Float64Array);
    expect(evaluated.sums).toHaveLength(6);
    expect(evaluated).toMatchObject({ gradients: null, inputGradients: null });
    expect(evaluated.sums[1]).toBe(2);

    const { gradients, inputGradients } = await model.run('gradients', batch, OPTIONS);
    expect(Object.keys(gradients ?? {})).toEqual(model.parameters.map(({ name }) => name));
    expect(gradients?.['dense/kernel']).toHaveLength(8);
    expect(inputGradients?.[0]).toHaveLength(30);

    const before = model.getWeights();
    await model.run('train', batch, OPTIONS);
    expect(model.iterations).toBe(1);
    expect(model.getWeights()).not.toEqual(before);

    const predicted = await model.run('predict', batch, OPTIONS);
    expect(predicted).toEqual({ sums: new Float64Array(0), gradients: null, inputGradients: null });
    expect(batch.outputShape(0)).toEqual([2, 2]);
  });

  it('runs on the cpu device as well', async () => {
    const { model, batch } = trainable();
    const reference = await model.run('evaluate', batch, OPTIONS);
    const cpu = await model.run('evaluate', batch, { ...OPTIONS, device: 'cpu' });
    expect(cpu.sums[0]).toBeCloseTo(reference.sums[0] as number, 4);
  });

  it('leaves out the gradients of frozen layers', async () => {
    const { model, batch } = trainable();
    model.setTrainable('gru', false);
    const { gradients } = await model.run('gradients', batch, OPTIONS);
    expect(Object.keys(gradients ?? {})).toEqual(['dense/kernel', 'dense/bias']);
  });

  it('never throws: every error rejects', async () => {
    const { model, batch } = trainable();
    const wrong = [
      () => model.run('fit' as 'train', batch, OPTIONS),
      () => model.run('train', {} as typeof batch, OPTIONS),
      () => model.run('train', model as never, OPTIONS),
      () => model.run('train', batch, null as never),
      () => (model.run as () => Promise<unknown>)(),
      () => model.run.call({}, 'train', batch, OPTIONS),
    ];
    for (const call of wrong) {
      const promise = call();
      expect(promise).toBeInstanceOf(Promise);
      await expectRejection(promise, 'INVALID_ARGUMENT');
    }
    await expectRejection(smallModel().run('train', batch, OPTIONS), 'INVALID_ARGUMENT');
  });

  it('points at the caller in the stack of an error', async () => {
    const { model, batch } = trainable();
    async function theCaller() {
      await model.run('predict', batch, { ...OPTIONS, device: 'nowhere' });
    }
    const error = await theCaller().catch((e: Error) => e);
    expect((error as Error).stack).toContain('theCaller');
    expect((error as Error).stack).toMatch(/^Error: .*nowhere/);
  });

  it('settles each promise exactly once, and keeps many apart', async () => {
    const model = smallModel();
    let settled = 0;
    const runs = Array.from({ length: 200 }, async (_, i) => {
      const batch = new addon.Batch(model, 1, [slot('input', [3, 3])]);
      batch.gather(0, new Float32Array(9).fill(i / 100), null, 0, 0, 1);
      const device = i % 3 === 2 ? 'nowhere' : 'reference';
      await model.run('predict', batch, { ...OPTIONS, device }).then(
        () => settled++,
        () => settled++,
      );
      if (device === 'nowhere') return null;
      const out = new Float32Array(2);
      batch.scatter(0, out, 0, 0, 1);
      return out;
    });
    const outputs = await Promise.all(runs);
    expect(settled).toBe(200);
    expect(outputs[2]).toBeNull();
    expect(new Set(outputs.filter((out) => out !== null).map(String)).size).toBeGreaterThan(100);
  });

  it('rejects NON_FINITE before the update', async () => {
    const { model, batch } = trainable();
    batch.gather(1, new Float32Array(4).fill(Number.NaN), null, 0, 0, 2);
    const before = model.getWeights();
    const run = model.run('train', batch, { ...OPTIONS, requireFinite: true });
    await expectRejection(run, 'NON_FINITE');
    expect(model.getWeights()).toEqual(before);
  });
});

describe('while a run is under way', () => {
  it('its batch is busy', async () => {
    const { model, batch } = slowRun();
    const run = model.run('predict', batch, OPTIONS);
    expectCode(() => batch.gather(0, new Float32Array(300), null, 0, 0, 1), 'BUSY');
    expectCode(() => batch.scatter(0, new Float32Array(300), 0, 0, 1), 'BUSY');
    expectCode(() => batch.outputShape(0), 'BUSY');
    await expectRejection(model.run('predict', batch, OPTIONS), 'BUSY');
    await run;
    batch.gather(0, new Float32Array(300), null, 0, 0, 1);
    expect(batch.outputShape(0)).toHaveLength(3);
  });

  it('a second training is refused, and so is what it would disturb', async () => {
    const { model, batch } = trainable();
    const slots = [slot('input', [5, 3]), slot('target', [2])];
    const other = new addon.Batch(model, 2, slots);
    const run = model.run('train', batch, OPTIONS);
    await expectRejection(model.run('train', other, OPTIONS), 'BUSY');
    const publish = () => model.setWeights({});
    const changes = [() => model.compile(COMPILE), () => model.setTrainable('gru', true)];
    const stateChanges = [() => model.setStates({}), () => model.resetStates()];
    for (const change of [publish, ...changes, ...stateChanges]) expectCode(change, 'BUSY');
    await run;
    const evaluation = model.run('evaluate', other, OPTIONS);
    for (const change of [...changes, ...stateChanges]) expectCode(change, 'BUSY');
    // An evaluation holds the weights that it began with.
    publish();
    await evaluation;
    // Inference reads published weights, which nothing changes, and writes states.
    const prediction = model.run('predict', batch, OPTIONS);
    for (const change of [publish, ...changes]) change();
    for (const change of stateChanges) expectCode(change, 'BUSY');
    await prediction;
    model.compile(COMPILE);
    await model.run('train', other, OPTIONS);
    expect(model.iterations).toBe(1);
  });

  it('the model may be disposed', async () => {
    const { model, batch } = slowRun();
    const run = model.run('predict', batch, OPTIONS);
    await tick();
    model.dispose();
    expectCode(() => model.outputs, 'DISPOSED');
    await expectRejection(model.run('predict', batch, OPTIONS), 'DISPOSED');
    await run;
    expect(batch.outputShape(0)[0]).toBe(batch.rows);
  });

  it('nothing that it needs is collected', async () => {
    const { gc } = globalThis as { gc?: () => void };
    const run = (() => {
      const { model, batch } = slowRun();
      return model.run('predict', batch, OPTIONS);
    })();
    for (let i = 0; i < 5; i++) {
      gc?.();
      await tick();
    }
    await run;
  });

  it('inference goes first', async () => {
    const { model, batch } = slowRun();
    const order: string[] = [];
    const small = trainable();
    const slow = model.run('gradients', batch, OPTIONS).then(() => order.push('gradients'));
    const evaluate = small.model.run('evaluate', small.batch, OPTIONS);
    const tiny = new addon.Batch(small.model, 1, [slot('input', [2, 3])]);
    const predict = small.model.run('predict', tiny, OPTIONS);
    await Promise.all([
      slow,
      evaluate.then(() => order.push('evaluate')),
      predict.then(() => order.push('predict')),
    ]);
    expect(order).toEqual(['predict', 'gradients', 'evaluate']);
  });
});

describe('a cancel token', () => {
  it('stops a run that is under way', async () => {
    const { model, batch } = slowRun();
    const started = performance.now();
    await model.run('predict', batch, OPTIONS);
    const whole = performance.now() - started;
    const token = new addon.CancelToken();
    const run = model.run('predict', batch, { ...OPTIONS, cancel: token });
    await tick();
    expect(token.cancelled).toBe(false);
    const cancelled = performance.now();
    token.cancel();
    expect(token.cancelled).toBe(true);
    await expectRejection(run, 'ABORTED');
    expect(performance.now() - cancelled).toBeLessThan(whole);
    // The batch is free again.
    batch.gather(0, new Float32Array(300), null, 0, 0, 1);
  });

  it('stops at once what still waits', async () => {
    const { model, batch } = slowRun();
    const { model: other, batch: waiting } = trainable();
    const order: string[] = [];
    const long = model.run('predict', batch, OPTIONS).then(() => order.push('long'));
    const token = new addon.CancelToken();
    const run = other.run('train', waiting, { ...OPTIONS, cancel: token });
    token.cancel();
    await expectRejection(run, 'ABORTED');
    order.push('waiting');
    await other.run('predict', waiting, OPTIONS);
    await long;
    expect(order[0]).toBe('waiting');
    expect(other.iterations).toBe(0);
  });

  it('serves many runs, and refuses new ones afterwards', async () => {
    const token = new addon.CancelToken();
    const { model, batch } = trainable();
    for (let i = 0; i < 20; i++) await model.run('train', batch, { ...OPTIONS, cancel: token });
    const { model: other, batch: waiting } = slowRun();
    const runs = [
      other.run('predict', waiting, { ...OPTIONS, cancel: token }),
      model.run('train', batch, { ...OPTIONS, cancel: token }),
    ];
    token.cancel();
    token.cancel();
    await Promise.all(runs.map((run) => expectRejection(run, 'ABORTED')));
    await expectRejection(model.run('train', batch, { ...OPTIONS, cancel: token }), 'ABORTED');
    await model.run('train', batch, OPTIONS);
    expect(model.iterations).toBe(21);
  });
});
