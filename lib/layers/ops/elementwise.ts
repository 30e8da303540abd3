import { invalid } from '../../errors.js';
import { isSymbolic, type SymbolicTensor } from '../layer.js';
import { type Operand, operation } from './operation.js';

/** A function of operands, numbers among them, element by element. */
function elementwise(name: string, operands: Readonly<Record<string, unknown>>): SymbolicTensor {
  const where = `ops.${name}`;
  const described = Object.entries(operands).map(([operand, value]) => {
    if (isSymbolic(value)) return null;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw invalid(operand, 'a symbolic tensor or a finite number', value, where);
  });
  const inputs = Object.values(operands).filter(isSymbolic);
  if (inputs.length === 0) {
    throw invalid('the operands', 'at least one symbolic tensor', described, where);
  }
  return operation('elementwise', name, inputs, { function: name, operands: described });
}

/** -x. */
export function negative(x: SymbolicTensor): SymbolicTensor {
  return elementwise('negative', { x });
}

/** |x|; the gradient at 0 is 0. */
export function abs(x: SymbolicTensor): SymbolicTensor {
  return elementwise('abs', { x });
}

/** -1, 0 or 1; has no gradient. */
export function sign(x: SymbolicTensor): SymbolicTensor {
  return elementwise('sign', { x });
}

/** e^x. */
export function exp(x: SymbolicTensor): SymbolicTensor {
  return elementwise('exp', { x });
}

/** The natural logarithm of x. */
export function log(x: SymbolicTensor): SymbolicTensor {
  return elementwise('log', { x });
}

/** log(1 + x), exact near 0. */
export function log1p(x: SymbolicTensor): SymbolicTensor {
  return elementwise('log1p', { x });
}

/** The square root of x; its gradient at 0 is infinite. */
export function sqrt(x: SymbolicTensor): SymbolicTensor {
  return elementwise('sqrt', { x });
}

/** x². */
export function square(x: SymbolicTensor): SymbolicTensor {
  return elementwise('square', { x });
}

/** The sine of x, in radians. */
export function sin(x: SymbolicTensor): SymbolicTensor {
  return elementwise('sin', { x });
}

/** The cosine of x, in radians. */
export function cos(x: SymbolicTensor): SymbolicTensor {
  return elementwise('cos', { x });
}

/** a + b. */
export function add(a: Operand, b: Operand): SymbolicTensor {
  return elementwise('add', { a, b });
}

/** a - b. */
export function subtract(a: Operand, b: Operand): SymbolicTensor {
  return elementwise('subtract', { a, b });
}

/** a · b. */
export function multiply(a: Operand, b: Operand): SymbolicTensor {
  return elementwise('multiply', { a, b });
}

/** a / b. */
export function divide(a: Operand, b: Operand): SymbolicTensor {
  return elementwise('divide', { a, b });
}

/** a to the power b; the gradient of an exponent is 0 where a is 0. */
export function power(a: Operand, b: Operand): SymbolicTensor {
  return elementwise('power', { a, b });
}

/** The larger of a and b; where they are equal a gets the gradient. */
export function maximum(a: Operand, b: Operand): SymbolicTensor {
  return elementwise('maximum', { a, b });
}

/** The smaller of a and b; where they are equal a gets the gradient. */
export function minimum(a: Operand, b: Operand): SymbolicTensor {
  return elementwise('minimum', { a, b });
}

/** 1 where a > b, else 0. */
export function greater(a: Operand, b: Operand): SymbolicTensor {
  return elementwise('greater', { a, b });
}

/** 1 where a >= b, else 0. */
export function greaterEqual(a: Operand, b: Operand): SymbolicTensor {
  return elementwise('greaterEqual', { a, b });
}

/** 1 where a < b, else 0. */
export function less(a: Operand, b: Operand): SymbolicTensor {
  return elementwise('less', { a, b });
}

/** 1 where a <= b, else 0. */
export function lessEqual(a: Operand, b: Operand): SymbolicTensor {
  return elementwise('lessEqual', { a, b });
}

/** 1 where a equals b, else 0. */
export function equal(a: Operand, b: Operand): SymbolicTensor {
  return elementwise('equal', { a, b });
}

/** 1 where a differs from b, else 0. */
export function notEqual(a: Operand, b: Operand): SymbolicTensor {
  return elementwise('notEqual', { a, b });
}

/** x, but `min` where it is less and `max` where it is more; there the gradient of x is 0. */
export function clip(x: Operand, min: Operand, max: Operand): SymbolicTensor {
  return elementwise('clip', { x, min, max });
}

/** a where `condition` is not 0, else b; the gradient goes to the one that was taken. */
export function where(condition: Operand, a: Operand, b: Operand): SymbolicTensor {
  return elementwise('where', { condition, a, b });
}
