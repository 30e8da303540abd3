// Gamma and beta, which the normalizations with weights have in common.
import type { ConstraintOption } from './constraints.js';
import type { InitializerOption } from './initializers.js';
import { boolean, withDefault } from './options.js';
import type { RegularizerOption } from './regularizers.js';
import { weight } from './weights.js';

/** Options of gamma and beta. */
export interface GainAndShiftOptions {
  /** Whether beta is added; default true. */
  center?: boolean;
  /** Whether the result is multiplied by gamma; default true. */
  scale?: boolean;
  /** Default ones. */
  gammaInitializer?: InitializerOption;
  /** A penalty that is added to the loss; default: none, as of beta. */
  gammaRegularizer?: RegularizerOption;
  /** Applied after each update; default: none, as of beta. */
  gammaConstraint?: ConstraintOption;
  /** Default zeros. */
  betaInitializer?: InitializerOption;
  betaRegularizer?: RegularizerOption;
  betaConstraint?: ConstraintOption;
}

/** How {@link GainAndShiftOptions} are checked. */
export const GAIN_AND_SHIFT = {
  center: withDefault(boolean(), true),
  scale: withDefault(boolean(), true),
  ...weight('gamma', 'ones'),
  ...weight('beta', 'zeros'),
};
