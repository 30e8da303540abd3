// The places where the addon may lie, in the order in which it is looked for. Names and files only:
// lib/native.ts loads.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

/**
 * `explicit`: the file in SLUICE_ADDON_PATH. `package`: a package of its own for this platform.
 * `prebuilt`: came with this package. `local`: compiled here.
 */
export type AddonPlace = 'explicit' | 'package' | 'prebuilt' | 'local';

/** A file to load, or why a place has none. */
export interface AddonCandidate {
  place: AddonPlace;
  /** The place as it is named in messages: a file, folder, package or variable. */
  name: string;
  file: string | null;
  /** Null where there is a file. */
  reason: string | null;
}

/** What node-gyp-build reads out of the name of a prebuilt file. */
interface Tags {
  file: string;
  libc?: string;
}

/** The part of node-gyp-build that knows the names; its own search has another order. */
interface FileNames {
  parseTags(file: string): Tags | undefined;
  matchTags(runtime: string, abi: string): (tags: Tags) => boolean;
  compareTags(runtime: string): (a: Tags, b: Tags) => number;
}

/**
 * All places below the package's folder `root`. Whoever names a file wants this one: then it is the
 * only place.
 */
export function addonPlaces(
  root: string,
  env: Record<string, string | undefined> = process.env,
): AddonCandidate[] {
  const path = env.SLUICE_ADDON_PATH;
  if (path) return [explicitFile(path)];
  return [
    { place: 'explicit', name: 'SLUICE_ADDON_PATH', file: null, reason: 'not set' },
    platformPackage(root),
    ...prebuiltFiles(root),
    localBuild(root),
  ];
}

/** The C library of this process; null where there is no such choice. */
export function libcFamily(): 'glibc' | 'musl' | null {
  if (process.platform !== 'linux') return null;
  // What is mapped into this process; the name of the distribution or an installed musl prove
  // nothing. (glibc's file was called libc-2.31.so before it was libc.so.6.)
  try {
    const maps = readFileSync('/proc/self/maps', 'utf8');
    return /\/libc(\.so\.6|-2\.\d+\.so)\b/.test(maps) ? 'glibc' : 'musl';
  } catch {
    return 'glibc';
  }
}

function explicitFile(path: string): AddonCandidate {
  const file = resolve(path);
  const found = { place: 'explicit', name: `SLUICE_ADDON_PATH=${path}` } as const;
  // Anything else would be run as JavaScript.
  if (!file.endsWith('.node')) return { ...found, file: null, reason: 'is not a .node file' };
  if (!existsSync(file)) return { ...found, file: null, reason: 'there is no such file' };
  return { ...found, file, reason: null };
}

/** `sluice-linux-x64`, `sluice-linux-x64-musl`: holds the addon as `sluice.node`. */
function platformPackage(root: string): AddonCandidate {
  const suffix = libcFamily() === 'musl' ? '-musl' : '';
  const name = `sluice-${process.platform}-${process.arch}${suffix}`;
  const found = { place: 'package', name: `package ${name}` } as const;
  // From the package's folder, where npm puts what it installs along with it.
  const { resolve: find } = createRequire(join(root, 'package.json'));
  try {
    return { ...found, file: find(`${name}/sluice.node`), reason: null };
  } catch {
    // Not there, or not exported: both errors would name the same file.
  }
  try {
    find(`${name}/package.json`);
    return { ...found, file: null, reason: 'is installed, but has no sluice.node' };
  } catch {
    return { ...found, file: null, reason: 'not installed' };
  }
}

/** Every file in `prebuilds` whose name says that it is for this Node and libc, best first. */
function prebuiltFiles(root: string): AddonCandidate[] {
  const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
  const none = (reason: string): AddonCandidate[] => [
    { place: 'prebuilt', name: folder, file: null, reason },
  ];
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.node'));
  } catch {
    return none('there is no such folder');
  }
  if (names.length === 0) return none('holds no .node file');
  const known = createRequire(join(root, 'package.json'))('node-gyp-build') as FileNames;
  const runtime = process.versions.electron ? 'electron' : 'node';
  const matches = known.matchTags(runtime, process.versions.modules);
  const libc = libcFamily();
  const fitting = names
    .map((name) => known.parseTags(name))
    .filter((tags) => tags !== undefined)
    // node-gyp-build takes every distribution but Alpine for one with glibc, so libc is ours.
    .filter(({ libc: built, ...tags }) => (!built || built === libc) && matches(tags))
    .sort(known.compareTags(runtime));
  if (fitting.length === 0) {
    return none(
      `${names.join(', ')}: not for ${runtime} ABI ${process.versions.modules}${libc ? `, ${libc}` : ''}`,
    );
  }
  return fitting.map(({ file }) => ({
    place: 'prebuilt',
    name: join(folder, file),
    file: join(folder, file),
    reason: null,
  }));
}

function localBuild(root: string): AddonCandidate {
  const file = join(root, 'build', 'Release', 'sluice.node');
  if (existsSync(file)) return { place: 'local', name: file, file, reason: null };
  return { place: 'local', name: file, file: null, reason: 'there is no such file' };
}
