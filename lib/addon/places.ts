// The places where the addon and the CUDA library may lie, in the order in which they are looked for.
// Names and files only: lib/native.ts loads.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

/**
 * `explicit`: the file in SLUICE_ADDON_PATH or SLUICE_CUDA_PATH. `package`: a package of its own for
 * this platform. `prebuilt`: came with this package. `local`: compiled here.
 */
export type Place = 'explicit' | 'package' | 'prebuilt' | 'local';

/** A file to load, or why a place has none. */
export interface Candidate {
  place: Place;
  /** The place as it is named in messages: a file, folder, package or variable. */
  name: string;
  file: string | null;
  /** Null where there is a file. */
  reason: string | null;
}

/** What became of one of the places. */
export interface Attempt {
  place: Place;
  name: string;
  /** `not tried`: it comes after the one that was taken. */
  status: 'taken' | 'failed' | 'absent' | 'not tried';
  /** Why it failed, or what is absent; of a CUDA library that was taken, why there is no device. */
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

type Environment = Record<string, string | undefined>;

/** All places of the addon below the package's folder `root`. */
export function addonPlaces(root: string, env: Environment = process.env): Candidate[] {
  const suffix = libcFamily() === 'musl' ? '-musl' : '';
  // Anything but a .node file would be run as JavaScript.
  return explicitOr('SLUICE_ADDON_PATH', '.node', env, () => [
    packagedFile(root, `sluice-${PLATFORM}${suffix}`, 'sluice.node'),
    ...prebuiltFiles(root),
    compiledFile(root, 'Release', 'sluice.node'),
  ]);
}

/** The same of the CUDA library. It is never in this package: most machines have no use for it. */
export function cudaPlaces(root: string, env: Environment = process.env): Candidate[] {
  return explicitOr('SLUICE_CUDA_PATH', '.so', env, () => [
    packagedFile(root, `sluice-cuda-${PLATFORM}`, CUDA_LIBRARY),
    compiledFile(root, 'cuda', CUDA_LIBRARY),
  ]);
}

const PLATFORM = `${process.platform}-${process.arch}`;
const CUDA_LIBRARY = 'libsluice_cuda.so';

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

/** Whoever names a file wants this one: then it is the only place. */
function explicitOr(
  variable: string,
  ending: string,
  env: Environment,
  others: () => Candidate[],
): Candidate[] {
  const path = env[variable];
  if (!path)
    return [{ place: 'explicit', name: variable, file: null, reason: 'not set' }, ...others()];
  const found = { place: 'explicit', name: `${variable}=${path}` } as const;
  if (!path.endsWith(ending)) return [{ ...found, file: null, reason: `is not a ${ending} file` }];
  return [inPlace(found, resolve(path))];
}

function inPlace(found: { place: Place; name: string }, file: string): Candidate {
  if (existsSync(file)) return { ...found, file, reason: null };
  return { ...found, file: null, reason: 'there is no such file' };
}

/** A file of a package of its own. */
function packagedFile(root: string, name: string, file: string): Candidate {
  const found = { place: 'package', name: `package ${name}` } as const;
  // From the package's folder, where npm puts what it installs along with it.
  const { resolve: find } = createRequire(join(root, 'package.json'));
  try {
    return { ...found, file: find(`${name}/${file}`), reason: null };
  } catch {
    // Not there, or not exported: both errors would name the same file.
  }
  try {
    find(`${name}/package.json`);
    return { ...found, file: null, reason: `is installed, but has no ${file}` };
  } catch {
    return { ...found, file: null, reason: 'not installed' };
  }
}

/** Every file in `prebuilds` whose name says that it is for this Node and libc, best first. */
function prebuiltFiles(root: string): Candidate[] {
  const folder = join(root, 'prebuilds', PLATFORM);
  const none = (reason: string): Candidate[] => [
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

function compiledFile(root: string, ...path: string[]): Candidate {
  const file = join(root, 'build', ...path);
  return inPlace({ place: 'local', name: file }, file);
}
