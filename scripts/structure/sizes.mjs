// A file is one room with one purpose: from 300 lines on it deserves a second look, at 600 it fails.
// Tables and golden data are exempt: files in a folder `golden` or named *_table.*, *-table.*.

const WARN_AT = 300;
const FAIL_AT = 600;
const EXEMPT = /(^|\/)golden\/|[_-]tables?\.\w+$/;

/** @param {import('../check-structure.mjs').SourceFile[]} files */
export function checkSizes(files) {
  const warnings = [];
  const errors = [];
  for (const { path, text } of files) {
    const lines = text.split('\n').length - 1;
    if (EXEMPT.test(path) || lines <= WARN_AT) continue;
    if (lines > FAIL_AT) errors.push(`${path}: ${lines} lines; the limit is ${FAIL_AT}`);
    else warnings.push(`${path}: ${lines} lines; is it still one room with one purpose?`);
  }
  return { warnings, errors };
}
