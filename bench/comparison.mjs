// Tables of Sluice beside its peers, from the rows that summary.mjs makes.
import { drivers } from './drivers.mjs';
import { table } from './markdown.mjs';
import { geometricMean, round3 } from './statistics.mjs';

/** Sluice's own drivers, which are no peers. */
const OWN = ['native', 'sluice'];

const isPeer = (name) => !OWN.includes(name);

/** How many times as long the fastest peer takes; null where there is none. */
export function bestPeer(row) {
  const ratios = Object.entries(row.results).flatMap(([name, { ratio }]) =>
    isPeer(name) ? [ratio] : [],
  );
  return ratios.length ? Math.min(...ratios) : null;
}

/** "1.52" over the rows that have a peer; null where none has. */
export function meanOfBestPeers(rows) {
  const ratios = rows.map(bestPeer).filter((ratio) => ratio !== null);
  return ratios.length ? round3(geometricMean(ratios)) : null;
}

/** The drivers that some row has figures of, peers after Sluice. */
export function driversIn(rows) {
  const names = Object.keys(drivers);
  return names.filter((name) => rows.some((row) => row.results[name] !== undefined));
}

/**
 * One line a row: milliseconds of each driver with its better number of threads, and how many times as
 * long as Sluice's that is.
 * @param {{ drivers: Record<string, string> }} result the names with versions
 * @param {{ own: string[], nameOf: (row: object) => string }} options own: drivers without a ratio
 */
export function comparison(result, rows, { own, nameOf }) {
  const names = driversIn(rows);
  const cell = (name, figures) => {
    if (figures === undefined) return '–';
    const ms = figures.ms[figures.threads];
    return own.includes(name) ? `${ms}` : `${ms} (${figures.ratio} ×)`;
  };
  const head = ['case', ...names.map((name) => `${result.drivers[name]}, ms`), 'best peer'];
  const lines = rows.map((row) => [
    nameOf(row),
    ...names.map((name) => cell(name, row.results[name])),
    bestPeer(row) === null ? '–' : `${bestPeer(row)} ×`,
  ]);
  return table(head, lines);
}

/** Why figures are missing, a paragraph each. */
export function reasons({ missing, rows }) {
  const failed = rows.flatMap((row) => Object.entries(row.failed ?? {}));
  const texts = failed.map(([name, reason]) => `${drivers[name].label}: ${reason}`);
  return [...new Set([...missing, ...texts])].map((reason) => `Not measured: ${reason}.`);
}
