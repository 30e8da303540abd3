// The optimizers of docs/semantics.md in double. `step` takes weights and gradients of all variables and
// returns the new weights; slots are kept from step to step.

type Variables = readonly (readonly number[])[];
export type Step = (weights: Variables, gradients: Variables) => number[][];

interface Slots {
  [name: string]: number;
}

/** An optimizer from its rule for one element; `t` counts updates from 1. */
function optimizer(rule: (w: number, g: number, slots: Slots, t: number) => number): Step {
  const kept = new Map<string, Slots>();
  let t = 0;
  return (weights, gradients) => {
    t++;
    return weights.map((variable, v) =>
      variable.map((w, i) => {
        const slots = kept.get(`${v}/${i}`) ?? {};
        kept.set(`${v}/${i}`, slots);
        return rule(w, gradients[v]?.[i] as number, slots, t);
      }),
    );
  };
}

export function sgd(lr: number, momentum = 0, nesterov = false): Step {
  return optimizer((w, g, slots) => {
    const v = momentum * (slots.v ?? 0) - lr * g;
    slots.v = v;
    return nesterov ? w + momentum * v - lr * g : w + v;
  });
}

type EpsilonMode = 'keras' | 'torch';

export function rmsprop(
  lr: number,
  rho: number,
  momentum: number,
  epsilon: number,
  mode: EpsilonMode = 'keras',
): Step {
  return optimizer((w, g, slots) => {
    const s = rho * (slots.s ?? 0) + (1 - rho) * g * g;
    const root = mode === 'keras' ? Math.sqrt(s + epsilon) : Math.sqrt(s) + epsilon;
    const u = momentum * (slots.u ?? 0) + (lr * g) / root;
    Object.assign(slots, { s, u });
    return w - u;
  });
}

export function adam(
  lr: number,
  beta1: number,
  beta2: number,
  epsilon: number,
  mode: EpsilonMode = 'keras',
  decay = 0,
): Step {
  return optimizer((w, g, slots, t) => {
    const m = beta1 * (slots.m ?? 0) + (1 - beta1) * g;
    const v = beta2 * (slots.v ?? 0) + (1 - beta2) * g * g;
    Object.assign(slots, { m, v });
    const decayed = w - lr * decay * w;
    const [c1, c2] = [1 - beta1 ** t, 1 - beta2 ** t];
    if (mode === 'torch') return decayed - (lr * (m / c1)) / (Math.sqrt(v / c2) + epsilon);
    return decayed - (((lr * Math.sqrt(c2)) / c1) * m) / (Math.sqrt(v) + epsilon);
  });
}

const norm = (values: Iterable<number>) => Math.hypot(...values);
const shrink = (values: readonly number[], limit: number, size: number) =>
  limit > 0 && size > limit ? values.map((g) => (g * limit) / size) : [...values];

/** Elements, then each variable, then all of them; a limit of 0 is off. */
export function clip(
  gradients: Variables,
  { clipValue = 0, clipVariableNorm = 0, clipNorm = 0 },
): number[][] {
  const limited = gradients.map((variable) =>
    variable.map((g) => (clipValue > 0 ? Math.min(clipValue, Math.max(-clipValue, g)) : g)),
  );
  const perVariable = limited.map((variable) => shrink(variable, clipVariableNorm, norm(variable)));
  const all = norm(perVariable.flat());
  return perVariable.map((variable) => shrink(variable, clipNorm, all));
}
