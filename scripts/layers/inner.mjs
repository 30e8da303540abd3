// Options as data: layers in them, made and written.

/** A layer as an option of another one. */
export class Inner {
  constructor(name, options) {
    this.name = name;
    this.options = options;
  }
}

/** The layer of a case, of the package's `layers`. */
export function make(layers, name, options) {
  const made = Object.entries(options).map(([key, value]) => [
    key,
    value instanceof Inner ? make(layers, value.name, value.options) : value,
  ]);
  return layers[name](Object.fromEntries(made));
}

/** Options as they are written. */
export function titleOf(options) {
  return Object.entries(options)
    .map(([name, value]) => `${name}: ${textOf(value)}`)
    .join(', ');
}

function textOf(value) {
  if (value instanceof Inner) return `${value.name}({ ${titleOf(value.options)} })`;
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
}
