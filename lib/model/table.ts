/** A text table: columns as wide as their widest cell; the last `numbers` columns are aligned right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numbers = 0,
): string {
  const widths = head.map((title, c) =>
    Math.max(title.length, ...rows.map((row) => (row[c] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, c) => {
        const width = widths[c] ?? 0;
        return c >= head.length - numbers ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  return [line(head), rule, ...rows.map(line), rule].join('\n');
}
