// Options that say how a layer's weights start, what they cost, and what they may be.
import { type Constraint, type ConstraintOption, constraint } from './constraints.js';
import {
  type Initializer,
  type InitializerName,
  type InitializerOption,
  initializer,
} from './initializers.js';
import { boolean, type Field, withDefault } from './options.js';
import { type Regularizer, type RegularizerOption, regularizer } from './regularizers.js';

/** Options of a kernel. */
export interface KernelOptions {
  /** Default glorotUniform, over the whole kernel. */
  kernelInitializer?: InitializerOption;
  /** A penalty that is added to the loss; default: none, as of all regularizers. */
  kernelRegularizer?: RegularizerOption;
  /** Applied after each update; default: none, as of all constraints. */
  kernelConstraint?: ConstraintOption;
}

/** Options of a bias. */
export interface BiasOptions {
  /** Whether there is a bias; default true. */
  useBias?: boolean;
  /** Default zeros. */
  biasInitializer?: InitializerOption;
  biasRegularizer?: RegularizerOption;
  biasConstraint?: ConstraintOption;
}

/** An option of layers whose output may cost something. */
export interface ActivityOptions {
  /** Of the output: divided by the number of rows; masked steps do not count. Default: none. */
  activityRegularizer?: RegularizerOption;
}

type WeightFields<W extends string> = Record<`${W}Initializer`, Field<Initializer>> &
  Record<`${W}Regularizer`, Field<Regularizer | null>> &
  Record<`${W}Constraint`, Field<Constraint | null>>;

/** How the options of a weight are checked, `kernel` having kernelInitializer and so on. */
export function weight<const W extends string>(
  name: W,
  fallback: InitializerName,
): WeightFields<W> {
  return {
    [`${name}Initializer`]: initializer(fallback),
    [`${name}Regularizer`]: regularizer(),
    [`${name}Constraint`]: constraint(),
  } as unknown as WeightFields<W>;
}

/** How {@link KernelOptions} are checked. */
export const KERNEL = weight('kernel', 'glorotUniform');

/** How {@link BiasOptions} are checked. */
export const BIAS = { useBias: withDefault(boolean(), true), ...weight('bias', 'zeros') };

/** How {@link ActivityOptions} are checked. */
export const ACTIVITY = { activityRegularizer: regularizer() };
