import { optimizers, tensor } from 'sluice';
import { describe, expect, it } from 'vitest';
import { echo, smallGru } from '../support/echo.js';
import { expectFailure } from '../support/failure.js';
import { noiseTensor } from '../support/numbers.js';

const x = noiseTensor([6, 4, 2], 81);
const y = noiseTensor([6, 1], 82);

function compiled() {
  const m = smallGru();
  m.compile({ loss: 'mse', metrics: ['mae'], optimizer: 'adam' });
  return m;
}

describe('trainOnBatch', () => {
  it('answers with loss and metrics before the update', async () => {
    const m = compiled();
    const before = await m.evaluate(x, y);
    const logs = await m.trainOnBatch(x, y);
    expect(logs).toEqual(before);
    expect(await m.evaluate(x, y)).not.toEqual(before);
  });

  it('is an epoch of fit with one batch, as often as it is called', async () => {
    const [one, other] = [compiled(), compiled()];
    const logs = [];
    for (let i = 0; i < 4; i++) logs.push(await one.trainOnBatch(x, y));
    const { history } = await other.fit(x, y, { epochs: 4, batchSize: 6, shuffle: false });
    expect(history.loss).toEqual(logs.map(({ loss }) => loss));
    expect(history.mae).toEqual(logs.map(({ mae }) => mae));
    expect(one.getWeights()).toEqual(other.getWeights());
  });

  it('takes rows as one batch, however many there are', async () => {
    const [many, few] = [compiled(), compiled()];
    const rows = 300;
    const [bigX, bigY] = [noiseTensor([rows, 2, 2], 83), noiseTensor([rows, 1], 84)];
    await many.trainOnBatch(bigX, bigY);
    await few.fit(bigX, bigY, { batchSize: rows, shuffle: false });
    expect(many.getWeights()).toEqual(few.getWeights());
  });

  it('obeys weights, lengths and clipping', async () => {
    const m = compiled();
    const options = { sampleWeight: [1, 0, 2, 0, 1, 3], lengths: [4, 1, 2, 3, 0, 4] };
    const { loss } = await m.evaluate(x, y, options);
    expect((await m.trainOnBatch(x, y, options)).loss).toBe(loss);

    const clipped = echo(1);
    const optimizer = optimizers.sgd({ learningRate: 1, clipValue: 0.25 });
    clipped.compile({ loss: 'mse', optimizer });
    await clipped.trainOnBatch(tensor([[1]]), tensor([[100]]));
    expect(clipped.getWeights()['echo/kernel']?.data[0]).toBe(1.25);
  });

  it('leaves the weights alone when the loss is not finite', async () => {
    const m = compiled();
    const before = m.getWeights();
    const spoilt = tensor(new Float32Array(6).fill(Number.NaN), [6, 1]);
    await expectFailure(m.trainOnBatch(x, spoilt), 'NON_FINITE', /dense/);
    expect(m.getWeights()).toEqual(before);
    await m.trainOnBatch(x, y);
    expect(m.getWeights()).not.toEqual(before);
  });

  it('is refused while another training call is under way', async () => {
    const m = compiled();
    const first = m.trainOnBatch(x, y);
    await expectFailure(m.trainOnBatch(x, y), 'BUSY', /trainOnBatch has to wait: trainOnBatch/);
    await expectFailure(m.fit(x, y), 'BUSY', /fit has to wait: trainOnBatch is under way/);
    await first;
    await m.trainOnBatch(x, y);
  });

  it('refuses options of fit', async () => {
    const work = compiled().trainOnBatch(x, y, { epochs: 2 } as never);
    await expectFailure(work, 'INVALID_ARGUMENT', /trainOnBatch: unknown option 'epochs'/);
  });
});
