// Memory that is taken away, shrunk or overwritten before a call and in the middle of it.
import { type Model, type Tensor, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { Bystander, detach, resizable, sequences, targets, victim } from '../support/hostile.js';
import { refusal, refusalText } from '../support/refusal.js';

/** More than the 1 MiB that is copied at the call. */
const ROWS = 12_000;
const STEPS = 8;
const SIZE = ROWS * STEPS * 3;

const bystander = new Bystander();

/** Large data in a resizable buffer, and the buffer. */
function large(): { x: Tensor<'float32'>; buffer: { resize(bytes: number): void } } {
  const { view, buffer } = resizable(SIZE);
  view.set(sequences(ROWS, STEPS).data);
  return { x: tensor(view, [ROWS, STEPS, 3]), buffer };
}

/** What `fit` says when its data goes away after the second batch. */
function duringFit(built: Model, x: Tensor, y: Tensor, spoil: () => void): Promise<string> {
  const callback = {
    onBatchEnd(batch: number) {
      if (batch === 1) spoil();
    },
  };
  const options = { batchSize: 256, verbose: 0, callbacks: [callback] } as const;
  return bystander.beside(() => refusalText(() => built.fit(x, y, options), 'INVALID_ARGUMENT'));
}

/** The model still works, with the weights of the last step. */
async function expectUnharmed(built: Model): Promise<void> {
  const { data } = await built.predict(sequences(3));
  expect([...data].every(Number.isFinite)).toBe(true);
  await built.trainOnBatch(sequences(3), targets(3));
}

describe('in the middle of fit', () => {
  it('x that was detached is an error', async () => {
    const built = victim();
    const x = sequences(ROWS, STEPS);
    const text = await duringFit(built, x, targets(ROWS), () => detach(x.data));
    expect(text).toBe(
      `expected ${SIZE} values (shape [${ROWS},${STEPS},3]) for x, received a detached buffer; ` +
        'the buffer was detached or resized after the tensor was made',
    );
    await expectUnharmed(built);
  });

  it('x that was shrunk, to nothing, by a little, or out of line, is an error', async () => {
    for (const bytes of [0, SIZE * 4 - 4, SIZE * 2, 5]) {
      const built = victim();
      const { x, buffer } = large();
      const text = await duringFit(built, x, targets(ROWS), () => buffer.resize(bytes));
      expect(text).toMatch(/for x, received \d+ values/);
      await expectUnharmed(built);
    }
  });

  it('x that has grown is an error, as it is no longer what it was', async () => {
    const { x, buffer } = large();
    const text = await duringFit(victim(), x, targets(ROWS), () => buffer.resize(SIZE * 8));
    expect(text).toContain(`received ${2 * SIZE} values`);
  });

  it('y that was detached is named', async () => {
    const y = targets(ROWS);
    const text = await duringFit(victim(), sequences(ROWS, STEPS), y, () => detach(y.data));
    expect(text).toContain('for y, received a detached buffer');
  });

  it('validation data that was detached is an error at the validation', async () => {
    const built = victim();
    const validation = sequences(ROWS, STEPS);
    const options = {
      batchSize: 4096,
      verbose: 0,
      validationData: [validation, targets(ROWS)],
      callbacks: [{ onTrainBegin: () => detach(validation.data) }],
    } as const;
    const fit = () => built.fit(sequences(ROWS, STEPS), targets(ROWS), options);
    const text = await bystander.beside(() => refusalText(fit, 'INVALID_ARGUMENT'));
    expect(text).toContain('for x, received a detached buffer');
    await expectUnharmed(built);
  });

  it('small data was copied at the call, so nothing happens', async () => {
    const [disturbed, calm] = [victim(), victim()];
    const [x, y] = [sequences(64), targets(64)];
    const spoil = () => {
      for (const { data } of [x, y]) if (data.length > 0) detach(data);
    };
    const options = { batchSize: 8, verbose: 0, epochs: 2 } as const;
    await disturbed.fit(x, y, { ...options, callbacks: [{ onBatchEnd: spoil }] });
    await calm.fit(sequences(64), targets(64), options);
    expect(disturbed.getWeights()).toEqual(calm.getWeights());
  });
});

describe('between a call and its promise', () => {
  /** Calls that take more than one turn of the event loop to copy their data. */
  const CALLS: Record<string, (built: Model, x: Tensor, y: Tensor) => Promise<unknown>> = {
    predict: (built, x) => built.predict(x),
    evaluate: (built, x, y) => built.evaluate(x, y),
    fit: (built, x, y) => built.fit(x, y, { verbose: 0 }),
    trainOnBatch: (built, x, y) => built.trainOnBatch(x, y),
    gradients: (built, x, y) => built.gradients(x, y),
    vjp: (built, x, y) => built.vjp(x, y),
  };

  it.each(Object.entries(CALLS))('%s notices that large data is gone', async (_name, call) => {
    const built = victim();
    await bystander.beside(async () => {
      const { x, buffer } = large();
      const shrunk = call(built, x, targets(ROWS));
      buffer.resize(8);
      await refusal(() => shrunk, 'INVALID_ARGUMENT', { option: 'x', received: '2 values' });
      const other = sequences(ROWS, STEPS);
      const gone = call(built, other, targets(ROWS));
      detach(other.data);
      await refusal(() => gone, 'INVALID_ARGUMENT', { option: 'x' });
    });
    await expectUnharmed(built);
  });

  it.each(Object.entries(CALLS))('%s does not care for small data', async (_name, call) => {
    for (const rows of [1, 5, 300]) {
      const [disturbed, calm] = [victim(), victim()];
      const [x, y] = [sequences(rows), targets(rows)];
      const work = call(disturbed, x, y);
      x.data.fill(Number.NaN);
      for (const { data } of [x, y]) detach(data);
      expect(await work).toEqual(await call(calm, sequences(rows), targets(rows)));
      expect(disturbed.getWeights()).toEqual(calm.getWeights());
    }
  });

  it.each(Object.entries(CALLS))('%s refuses data that was gone before', async (_name, call) => {
    const built = victim();
    const [x, y] = [sequences(4), targets(4)];
    detach(x.data);
    await refusal(() => call(built, x, y), 'INVALID_ARGUMENT', { option: 'x' });
    if (_name === 'predict') return;
    detach(y.data);
    await refusal(() => call(built, sequences(4), y), 'INVALID_ARGUMENT');
  });
});

describe('options that detach the data while they are read', () => {
  it('are noticed', async () => {
    const built = victim();
    const x = sequences(4);
    const options = {
      get batchSize(): number {
        if (x.data.length > 0) detach(x.data);
        return 2;
      },
    };
    await refusal(() => built.predict(x, options), 'INVALID_ARGUMENT', { option: 'x' });
    const later = sequences(ROWS, STEPS);
    const validationData = {
      get x(): Tensor {
        detach(later.data);
        return sequences(4);
      },
      y: targets(4),
    };
    const fit = () => built.fit(later, targets(ROWS), { validationData, verbose: 0 });
    await refusal(fit, 'INVALID_ARGUMENT', { option: 'x' });
    await bystander.check();
  });
});

describe('results', () => {
  it('may be taken away from a tensor that was returned', async () => {
    const built = victim();
    const first = await built.predict(sequences(4));
    const expected = [...first.data];
    detach(first.data);
    expect([...(await built.predict(sequences(4))).data]).toEqual(expected);
    const weights = built.getWeights();
    for (const { data } of Object.values(weights)) detach(data);
    expect([...(await built.predict(sequences(4))).data]).toEqual(expected);
  });
});
