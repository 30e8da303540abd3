// What the figures were measured on.
import { readFileSync } from 'node:fs';
import os from 'node:os';

export function machine() {
  const [cpu] = os.cpus();
  return {
    cpu: `${cpu?.model ?? 'unknown'}${familyAndModel()}`,
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    os: `${os.type()} ${os.release()}`,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
  };
}

/** The same as the first line of a measurement. */
export const on = ({ machine }) =>
  `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node.slice(1)}, ${machine.date}.`;

/** Virtual machines name their processor "AMD EPYC": these numbers tell one generation from another. */
function familyAndModel() {
  try {
    const text = readFileSync('/proc/cpuinfo', 'utf8');
    const number = (name) => new RegExp(`^${name}\\s*: (\\d+)$`, 'm').exec(text)?.[1];
    return ` (family ${number('cpu family')}, model ${number('model')})`;
  } catch {
    return '';
  }
}
