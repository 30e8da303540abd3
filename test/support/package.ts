// The built library in packages made for one test: with addons in the places where it looks for them.
import { copyFileSync, cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ADDON_PATH } from '../addon/support.js';
import { makeTree, ROOT } from '../scripts/support.js';

export const PLATFORM = `${process.platform}-${process.arch}`;
export const PACKAGED = `node_modules/sluice-${PLATFORM}/sluice.node`;
export const PREBUILT = `prebuilds/${PLATFORM}/node.napi.node`;
export const LOCAL = 'build/Release/sluice.node';

/** What of the scripts a package carries. */
const SCRIPTS = ['build-addon.mjs', 'bootstrap/report.mjs', 'bootstrap/system.mjs'];

/**
 * @param addons by path: true is one that works, text is the contents of another file
 * @param version that of this library unless given
 * @returns the package's folder
 */
export function makePackage(addons: Record<string, string | true>, version?: string): string {
  const texts = Object.entries(addons).filter(
    (entry): entry is [string, string] => entry[1] !== true,
  );
  const manifest = { name: 'sluice', version, main: 'dist/index.js' };
  const root = makeTree({
    ...Object.fromEntries(texts),
    'package.json': JSON.stringify(manifest),
    [`node_modules/sluice-${PLATFORM}/package.json`]: '{}',
  });
  if (!version) copyFileSync(join(ROOT, 'package.json'), join(root, 'package.json'));
  cpSync(join(ROOT, 'dist'), join(root, 'dist'), { recursive: true });
  for (const name of SCRIPTS) copy(join(ROOT, 'scripts', name), join(root, 'scripts', name));
  for (const name of ['node-gyp-build', 'commander', 'cli-progress']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(root, 'node_modules', name));
  }
  for (const [path, content] of Object.entries(addons)) {
    if (content === true) copy(ADDON_PATH, join(root, path));
  }
  return root;
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}
