// Tables of Sluice beside its peers, from the rows that summary.mjs makes.
import { drivers } from './drivers.mjs';
import { table } from './markdown.mjs';
import { geometricMean, round3 } from './statistics.mjs';

/** The drivers that some row has figures of, Sluice's own before the peers. */
export function driversIn(rows) {
  const names = Object.keys(drivers);
  return names.filter((name) => rows.some((row) => row.results[name] !== undefined));
}

/** How many times as long as Sluice's `own` driver the fastest peer takes; null where there is none. */
export function bestPeer(row, own) {
  const peers = Object.entries(row.results).filter(([name]) => !drivers[name].own);
  return peers.length ? Math.min(...peers.map(([, { ratio }]) => ratio[own])) : null;
}

/** Over the rows that have a peer; null where none has. */
export function meanOfBestPeers(rows, own) {
  const ratios = rows.map((row) => bestPeer(row, own)).filter((ratio) => ratio !== null);
  return ratios.length ? round3(geometricMean(ratios)) : null;
}

/**
 * One line a row: milliseconds of each driver with its better number of threads, and how many times as
 * long as Sluice's first driver that is; in the end the fastest peer beside each of Sluice's.
 * @param {{ drivers: Record<string, string> }} result the names with versions
 * @param {(row: object) => string} nameOf
 */
export function comparison(result, rows, nameOf) {
  const names = driversIn(rows);
  const own = names.filter((name) => drivers[name].own);
  const cell = (name, figures) => {
    if (figures === undefined) return '–';
    const ms = figures.ms[figures.threads];
    return name === own[0] ? `${ms}` : `${ms} (${figures.ratio[own[0]]} ×)`;
  };
  const best = (ratio) => (ratio === null ? '–' : `${ratio} ×`);
  return table(
    [
      'case',
      ...names.map((name) => `${result.drivers[name]}, ms`),
      ...own.map((name) => `best peer / ${drivers[name].label}`),
    ],
    rows.map((row) => [
      nameOf(row),
      ...names.map((name) => cell(name, row.results[name])),
      ...own.map((name) => best(bestPeer(row, name))),
    ]),
  );
}

/** Why figures are missing, a paragraph each. */
export function reasons({ missing, rows }) {
  const failed = rows.flatMap((row) => Object.entries(row.failed));
  const texts = failed.map(([name, reason]) => `${drivers[name].label}: ${reason}`);
  return [...new Set([...missing, ...texts])].map((reason) => `Not measured: ${reason}.`);
}
