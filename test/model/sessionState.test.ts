// The state of a session: read, set, taken along as a snapshot, and refused where it does not fit.
import { load, type SessionSnapshot } from 'sluice';
import { describe, expect, it } from 'vitest';
import { detach, STRANGERS, victim } from '../support/hostile.js';
import { refusal } from '../support/refusal.js';
import { pushed, stepOf, stepwise } from '../support/streams.js';

describe('the state', () => {
  it('is a copy of what all recurrent layers remember', () => {
    const session = stepwise().stream();
    expect(session.state).toEqual(new Float32Array(7));
    session.push(stepOf(0));
    const { state } = session;
    expect(state).toHaveLength(7);
    state.fill(9);
    expect(session.state).not.toEqual(state);
    session.state = state;
    expect(session.state).toEqual(state);
    session.reset();
    expect(session.state).toEqual(new Float32Array(7));
  });

  it('may be moved to another session', () => {
    const built = stepwise();
    const [a, b] = [built.stream(), built.stream()];
    pushed(a, 0, 3);
    b.state = a.state;
    expect(pushed(b, 3)).toEqual(pushed(a, 3));
  });

  it('of another size or type is refused', async () => {
    const session = stepwise().stream();
    const gone = new Float32Array(7);
    detach(gone);
    const others = [undefined, new Float32Array(6), new Array(7).fill(0), gone];
    for (const state of [...others, ...STRANGERS.map(([, value]) => value)]) {
      const call = () => {
        session.state = state as Float32Array;
      };
      await refusal(call, 'INVALID_ARGUMENT', { option: 'state' });
    }
  });
});

describe('a snapshot', () => {
  const half = () => {
    const built = stepwise();
    const session = built.stream();
    pushed(session, 0, 3);
    return { built, snapshot: session.snapshot(), rest: pushed(session, 3) };
  };

  it('goes on where it was taken, after JSON, a clone, and in a loaded model', async () => {
    const { built, snapshot, rest } = half();
    const again = await load(await built.save());
    const copies = [snapshot, JSON.parse(JSON.stringify(snapshot)), structuredClone(snapshot)];
    for (const restore of copies as SessionSnapshot[]) {
      expect(pushed(built.stream({ restore }), 3)).toEqual(rest);
      expect(pushed(again.stream({ restore }), 3)).toEqual(rest);
    }
  });

  it('is plain data that says what it holds', () => {
    const { snapshot } = half();
    expect(snapshot).toMatchObject({
      version: 1,
      layout: [
        ['gru/state', 4],
        ['gru_1/state', 3],
      ],
    });
    expect(snapshot.state).toHaveLength(7);
  });

  it('is no view of the session', () => {
    const { built, snapshot } = half();
    const session = built.stream({ restore: snapshot });
    const before = structuredClone(snapshot);
    session.push(stepOf(0));
    expect(snapshot).toEqual(before);
    session.snapshot().layout.length = 0;
    session.snapshot().state.length = 0;
    expect(session.snapshot().layout).toEqual(before.layout);
    expect(session.snapshot().state).toHaveLength(7);
  });

  it('of another model is refused with both layouts', async () => {
    const { snapshot } = half();
    const other = victim();
    const error = await refusal(() => other.stream({ restore: snapshot }), 'SHAPE_MISMATCH', {
      option: 'restore',
    });
    expect(error.details.expected).toContain('["gru/state",4]');
    expect(error.details.received).toContain('["gru_1/state",3]');
  });

  it('that is none is refused', async () => {
    const { built, snapshot } = half();
    const broken: unknown[] = [
      { ...snapshot, version: 2 },
      { ...snapshot, version: '1' },
      { ...snapshot, layout: undefined },
      { ...snapshot, layout: [1n, 2n] },
      { ...snapshot, layout: [['gru/state', 4n]] },
      { ...snapshot, layout: { toJSON: () => snapshot.layout } },
      { ...snapshot, state: undefined },
      { ...snapshot, state: Float32Array.from(snapshot.state) },
      { ...snapshot, state: snapshot.state.slice(1) },
      { ...snapshot, state: [...snapshot.state, 0] },
      { ...snapshot, state: new Array(7) },
      { ...snapshot, state: new Array(7).fill(null) },
      { ...snapshot, state: new Array(7).fill('0') },
      [],
      'snapshot',
      ...STRANGERS.map(([, value]) => value),
    ];
    for (const restore of broken) {
      const call = () => built.stream({ restore: restore as SessionSnapshot });
      await refusal(call, 'INVALID_ARGUMENT');
    }
  });
});
