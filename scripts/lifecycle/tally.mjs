// What became of every case on every Node version.

/** @typedef {'ok' | 'crash' | 'hang' | 'wrong' | 'sanitizer'} Verdict */
/** @type {Verdict[]} */
export const VERDICTS = ['ok', 'crash', 'hang', 'wrong', 'sanitizer'];

export class Tally {
  /**
   * @param {Record<string, { name: string }[]>} groups
   * @param {string[]} columns
   */
  constructor(groups, columns) {
    this.groups = groups;
    this.columns = columns;
    /** By case, Node version and verdict. */
    this.counts = new Map();
    for (const one of Object.values(groups).flat()) {
      const zero = () => Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0]));
      this.counts.set(one, Object.fromEntries(columns.map((column) => [column, zero()])));
    }
  }

  add(one, column, verdict) {
    this.counts.get(one)[column][verdict]++;
  }

  /** Of all cases on one Node version. */
  total(column) {
    const sum = (verdict) =>
      [...this.counts.values()].reduce((total, counts) => total + counts[column][verdict], 0);
    return Object.fromEntries(VERDICTS.map((verdict) => [verdict, sum(verdict)]));
  }

  unexpected() {
    const totals = this.columns.map((column) => this.total(column));
    return totals.reduce((all, { ok: _, ...bad }) => all + sumOf(bad), 0);
  }

  /** Case by Node version: `20 ok`, or `18 ok, 1 crash, 1 hang`. */
  table() {
    const rows = [['', ...this.columns.map((column) => `Node ${column}`)]];
    for (const [group, cases] of Object.entries(this.groups)) {
      rows.push([`${group}:`]);
      for (const one of cases) {
        const cells = this.columns.map((column) => cell(this.counts.get(one)[column]));
        rows.push([`  ${one.name}`, ...cells]);
      }
    }
    rows.push(['all', ...this.columns.map((column) => cell(this.total(column)))]);
    const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
    return rows.map((row) =>
      row
        .map((text, i) => text.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    );
  }
}

const sumOf = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);

function cell(counts) {
  const found = VERDICTS.filter((verdict) => counts[verdict] > 0);
  return found.length === 0
    ? '-'
    : found.map((verdict) => `${counts[verdict]} ${verdict}`).join(', ');
}
