import { type LayerOptions, SimpleLayer } from './layer.js';
import { boolean, type Fields, layerName, optional, parseOptions, withDefault } from './options.js';
import { type Pair, padding, size, sizes, sizesFrom, type WindowPadding } from './windows.js';

interface PoolingOptions<Size> {
  /** Positions that a window has along each axis; default 2. */
  poolSize?: Size;
  /** From one window to the next; default: as poolSize. */
  strides?: Size;
  /** Default 'valid'. Padding does not count: a mean is that of the positions inside. */
  padding?: WindowPadding;
  name?: string;
}

/** Options of {@link maxPooling1d} and {@link averagePooling1d}; the defaults are Keras'. */
export type Pooling1dOptions = PoolingOptions<number>;

/** Options of {@link maxPooling2d} and {@link averagePooling2d}; the defaults are Keras'. */
export type Pooling2dOptions = PoolingOptions<Pair>;

/** Options of the global pooling layers. */
export interface GlobalPoolingOptions {
  /** Keep the axes that are pooled, with extent 1; default false. */
  keepdims?: boolean;
  name?: string;
}

const COMMON = { padding, name: layerName() };
const ONE_AXIS = { poolSize: withDefault(size(), 2), strides: optional(size()), ...COMMON };
const TWO_AXES = { poolSize: sizesFrom(2), strides: optional(sizes()), ...COMMON };
const GLOBAL = { keepdims: withDefault(boolean(), false), name: layerName() };

const LATER = ['dataFormat'];

function pooling(kind: string, fields: Fields, options: unknown): SimpleLayer {
  const { name, ...described } = parseOptions(kind, fields, options, LATER);
  const { poolSize, strides = poolSize } = described;
  const all = poolSize === undefined ? described : { ...described, strides };
  return new SimpleLayer(kind, name as string | undefined, all as LayerOptions);
}

/**
 * The largest value of each window of steps, channel by channel: [B,T,C] -> [B,T',C], with
 * T' = floor((T - poolSize) / strides) + 1, or ceil(T / strides) with padding 'same'.
 *
 * Masked steps are never the largest; a window of such steps alone gives 0. The mask goes on where
 * the output has the steps of the input (padding 'same', strides 1); elsewhere what follows takes
 * every step for valid. Of equal values the first one gets the gradient.
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range
 *
 * @example
 * layers.maxPooling1d({ poolSize: 2 });
 */
export function maxPooling1d(options: Pooling1dOptions = {}): SimpleLayer {
  return pooling('maxPooling1d', ONE_AXIS, options);
}

/**
 * The largest value of each window of an image, channel by channel: [B,rows,columns,C] ->
 * [B,rows',columns',C], along both axes as {@link maxPooling1d} along one.
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range
 *
 * @example
 * layers.maxPooling2d({ poolSize: [2, 2] });
 */
export function maxPooling2d(options: Pooling2dOptions = {}): SimpleLayer {
  return pooling('maxPooling2d', TWO_AXES, options);
}

/**
 * The mean of each window of steps, channel by channel; shapes and masks as {@link maxPooling1d}, masked
 * steps and padding do not count.
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range
 *
 * @example
 * layers.averagePooling1d({ poolSize: 3, strides: 1, padding: 'same' });
 */
export function averagePooling1d(options: Pooling1dOptions = {}): SimpleLayer {
  return pooling('averagePooling1d', ONE_AXIS, options);
}

/**
 * The mean of each window of an image, channel by channel; shapes as {@link maxPooling2d}, padding does
 * not count.
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range
 *
 * @example
 * layers.averagePooling2d({ poolSize: 2 });
 */
export function averagePooling2d(options: Pooling2dOptions = {}): SimpleLayer {
  return pooling('averagePooling2d', TWO_AXES, options);
}

/**
 * The largest value of all steps, channel by channel: [B,T,C] -> [B,C]. Masked steps are never the
 * largest; a row that has no others gives 0.
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range
 *
 * @example
 * layers.globalMaxPooling1d();
 */
export function globalMaxPooling1d(options: GlobalPoolingOptions = {}): SimpleLayer {
  return pooling('globalMaxPooling1d', GLOBAL, options);
}

/**
 * The largest value of an image, channel by channel: [B,rows,columns,C] -> [B,C].
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range
 *
 * @example
 * layers.globalMaxPooling2d({ keepdims: true });
 */
export function globalMaxPooling2d(options: GlobalPoolingOptions = {}): SimpleLayer {
  return pooling('globalMaxPooling2d', GLOBAL, options);
}

/**
 * The mean of all steps, channel by channel: [B,T,C] -> [B,C]. Masked steps do not count; a row that
 * has no others gives 0 (Keras: NaN).
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range
 *
 * @example
 * layers.globalAveragePooling1d();
 */
export function globalAveragePooling1d(options: GlobalPoolingOptions = {}): SimpleLayer {
  return pooling('globalAveragePooling1d', GLOBAL, options);
}

/**
 * The mean of an image, channel by channel: [B,rows,columns,C] -> [B,C].
 *
 * @throws SluiceError INVALID_ARGUMENT for an option that is unknown or out of range
 *
 * @example
 * layers.globalAveragePooling2d();
 */
export function globalAveragePooling2d(options: GlobalPoolingOptions = {}): SimpleLayer {
  return pooling('globalAveragePooling2d', GLOBAL, options);
}
