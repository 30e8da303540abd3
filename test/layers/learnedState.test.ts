// A state before the first step that is learned, and is the same for each row.
import {
  input,
  layers,
  load,
  type Model,
  model,
  optimizers,
  sequential,
  type Tensor,
  tensor,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import type { RecurrentLayer } from '../../lib/layers/recurrent.js';
import { expectClose, noiseTensor, range, rowsOf, sum } from '../support/numbers.js';
import { refusal } from '../support/refusal.js';

const UNITS = 3;
const ROWS = 4;
const x = noiseTensor([ROWS, 5, 2], 401);

type Start = 'zeros' | 'learned';
type Use = { returnSequences?: boolean; stateful?: boolean };
const KINDS: Record<string, { states: number; make: (initialState: Start, use?: Use) => unknown }> =
  {
    gru: {
      states: 1,
      make: (initialState, use) => layers.gru({ units: UNITS, initialState, ...use }),
    },
    lstm: {
      states: 2,
      make: (initialState, use) => layers.lstm({ units: UNITS, initialState, ...use }),
    },
    simpleRnn: {
      states: 1,
      make: (initialState, use) => layers.simpleRnn({ units: UNITS, initialState, ...use }),
    },
    minGru: {
      states: 1,
      make: (initialState, use) => layers.minGru({ units: UNITS, initialState, ...use }),
    },
  };
const NAMES = Object.keys(KINDS);

function layerOf(kind: string, start: Start, use?: Use): RecurrentLayer {
  return KINDS[kind]?.make(start, use) as RecurrentLayer;
}

function learning(kind: string, use?: Use): Model {
  return sequential([layerOf(kind, 'learned', use)], { inputShape: [null, 2], seed: 1 });
}

/** Names of the states' parameters, with values to start from. */
function starts(kind: string): [name: string, values: Tensor<'float32'>][] {
  return ['initial_state', 'initial_cell']
    .slice(0, KINDS[kind]?.states)
    .map((name, s) => [`${kind}/${name}`, noiseTensor([UNITS], 410 + s)]);
}

describe.each(NAMES)('the learned start of %s', (kind) => {
  it('is a parameter a state, zero at first', async () => {
    const [zeros, m] = [
      sequential([layerOf(kind, 'zeros')], { inputShape: [null, 2], seed: 1 }),
      learning(kind),
    ];
    const names = zeros.weights.map(({ name }) => name);
    expect(m.weights.map(({ name }) => name)).toEqual([
      ...names,
      ...starts(kind).map(([name]) => name),
    ]);
    for (const [name] of starts(kind)) {
      expect(m.getWeights()[name]).toEqual(tensor(new Float32Array(UNITS), [UNITS]));
    }
    expect(await m.predict(x)).toEqual(await zeros.predict(x));
  });

  it.each(['cpu', 'reference'])(
    'is as a state that is given, the same for all rows, on %s',
    async (device) => {
      const series = input({ shape: [null, 2], name: 'series' });
      const given = starts(kind).map(([name]) => input({ shape: [UNITS], name: name.slice(-5) }));
      const applied = layerOf(kind, 'zeros').apply(series, { initialState: given } as never);
      const explicit = model({ inputs: [series, ...given], outputs: [applied as never] });
      const m = learning(kind);
      m.setWeights(Object.fromEntries(starts(kind)));
      const { ...weights } = m.getWeights();
      for (const [name] of starts(kind)) delete weights[name];
      explicit.setWeights(weights);
      const rows = starts(kind).map(([, { data }]) =>
        tensor(Float32Array.from(range(ROWS).flatMap(() => [...data])), [ROWS, UNITS]),
      );
      const options = { lengths: [5, 0, 2, 4], device };
      const y = noiseTensor([ROWS, UNITS], 402);
      expect([await m.predict(x, options)]).toEqual(await explicit.predict([x, ...rows], options));
      const expected = await explicit.gradients([x, ...rows], [y], { loss: 'mse', ...options });
      const actual = await m.gradients(x, y, { loss: 'mse', ...options });
      expect(actual.loss).toBe(expected.loss);
      const [ofSeries, ...ofStates] = expected.inputGradients as Tensor[];
      expect(actual.inputGradients).toEqual(ofSeries);
      for (const [s, [name]] of starts(kind).entries()) {
        const sums = range(UNITS).map((u) =>
          sum(rowsOf(ofStates[s] as Tensor).map((row) => row[u] ?? 0)),
        );
        expect(Math.max(...sums.map(Math.abs))).toBeGreaterThan(1e-4);
        expectClose(actual.gradients[name]?.data ?? [], sums, 1e-7);
      }
    },
  );

  it('is trained, unless the layer is frozen', async () => {
    const y = noiseTensor([ROWS, UNITS], 403);
    const m = learning(kind);
    m.compile({ optimizer: optimizers.sgd({ learningRate: 0.5 }), loss: 'mse' });
    m.freeze(kind);
    await m.trainOnBatch(x, y);
    const [name] = starts(kind)[0] as [string, Tensor];
    expect(Math.max(...(m.getWeights()[name]?.data ?? []).map(Math.abs))).toBe(0);
    m.unfreeze(kind);
    const first = await m.trainOnBatch(x, y);
    for (let step = 0; step < 30; step++) await m.trainOnBatch(x, y);
    expect(Math.max(...(m.getWeights()[name]?.data ?? []).map(Math.abs))).toBeGreaterThan(0.01);
    expect((await m.evaluate(x, y)).loss).toBeLessThan(first.loss as number);
  });

  it('is where streams begin, bit for bit, after save and load as well', async () => {
    const m = learning(kind, { returnSequences: true });
    m.setWeights(Object.fromEntries(starts(kind)));
    const again = await load(await m.save());
    const expected = rowsOf(await m.predict(x));
    const session = again.stream();
    const pool = again.sessions({ capacity: ROWS });
    const slots = Int32Array.from(range(ROWS), () => pool.open());
    const row = (r: number, t: number) => x.data.subarray((r * 5 + t) * 2, (r * 5 + t + 1) * 2);
    for (const r of range(ROWS)) {
      const pushed = range(5).flatMap((t) => [...session.push(row(r, t))]);
      expect(pushed).toEqual(expected[r]);
      session.reset();
    }
    for (const t of range(5)) {
      const xs = Float32Array.from(range(ROWS).flatMap((r) => [...row(r, t)]));
      const stepped = rowsOf(tensor(pool.step(slots, xs).slice(), [ROWS, UNITS]));
      for (const r of range(ROWS)) {
        expect(stepped[r]).toEqual(expected[r]?.slice(t * UNITS, (t + 1) * UNITS));
      }
    }
  });

  it('cannot be carried over or given as well', async () => {
    await refusal(() => learning(kind, { stateful: true }), 'CONFIG', {
      layer: kind,
      option: 'initialState',
    });
    const series = input({ shape: [null, 2] });
    const states = starts(kind).map(() => input({ shape: [UNITS] }));
    const outputs = layerOf(kind, 'learned').apply(series, { initialState: states } as never);
    const build = () => model({ inputs: [series, ...states], outputs: [outputs as never] });
    await refusal(build, 'CONFIG', { layer: kind, option: 'initialState' });
  });
});

describe('learned starts of two directions', () => {
  it('are those of each, or of one', async () => {
    const two = layers.bidirectional({ layer: layers.lstm({ units: 2, initialState: 'learned' }) });
    const one = layers.bidirectional({
      layer: layers.gru({ units: 2 }),
      backwardLayer: layers.gru({ units: 2, goBackwards: true, initialState: 'learned' }),
    });
    const m = sequential([two], { inputShape: [null, 2], seed: 1 });
    const names = m.weights.map(({ name }) => name).filter((name) => name.includes('initial'));
    expect(names).toEqual([
      'bidirectional/forward/initial_state',
      'bidirectional/forward/initial_cell',
      'bidirectional/backward/initial_state',
      'bidirectional/backward/initial_cell',
    ]);
    const other = sequential([one], { inputShape: [null, 2], seed: 1 });
    expect(other.weights.map(({ name }) => name)).toContain('bidirectional/backward/initial_state');
    expect(other.weights).toHaveLength(7);
    // Without a step the states are what was learned.
    const start = tensor([0.5, -0.25]);
    other.setWeights({ 'bidirectional/backward/initial_state': start });
    const empty = await other.predict(x, { lengths: [0, 0, 0, 0] });
    for (const row of rowsOf(empty)) expect(row).toEqual([0, 0, 0.5, -0.25]);
  });

  it('cannot be carried over or given as well', async () => {
    const layer = layers.gru({ units: 2, initialState: 'learned', stateful: true });
    const both = () => sequential([layers.bidirectional({ layer })], { inputShape: [null, 2] });
    await refusal(both, 'CONFIG', { layer: 'bidirectional', option: 'initialState' });
    const series = input({ shape: [null, 2] });
    const states = [input({ shape: [2] }), input({ shape: [2] })] as const;
    const outputs = layers
      .bidirectional({ layer: layers.gru({ units: 2, initialState: 'learned' }) })
      .apply(series, { initialState: states });
    const build = () => model({ inputs: [series, ...states], outputs });
    await refusal(build, 'CONFIG', { layer: 'bidirectional', option: 'initialState' });
  });
});
