// What commands write: plain text in columns, or JSON.

/** One value a line, all of them in one column; further lines of a value stand below the first. */
export function pairs(
  rows: readonly (readonly [name: string, value: string | readonly string[]])[],
): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.flatMap(([name, value]) =>
    [value].flat().map((line, i) => `  ${(i === 0 ? name : '').padEnd(width)}  ${line}`),
  );
}

/**
 * Text out of a file or from the system: a name that holds control characters would move the
 * terminal's cursor or recolour it.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`,
  );
}

/** `54.3 KiB` */
export function byteText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}

export function writeLines(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

export function writeJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** A reader that has seen enough (`| head`) closes the pipe: that is no error. A full disk is one. */
export function watchStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
    process.stderr.write(`sluice: ${error.code}: the output could not be written\n`);
    process.exit(1);
  });
  process.stderr.on('error', () => process.exit(process.exitCode ?? 1));
}
