const line = (cells) => `| ${cells.join(' | ')} |`;

/** A table in Markdown. */
export function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map(line).join('\n');
}
