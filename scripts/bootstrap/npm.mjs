/** npm itself, even where only `npm run` knows where it is. */
export function npm() {
  const path = process.env.npm_execpath ?? '';
  return /npm-cli\.c?js$/.test(path) ? [process.execPath, path] : ['npm'];
}
