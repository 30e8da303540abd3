// One bootstrap at a time in a checkout: two that write the same build folder corrupt it. The lock is
// a file that names its owner and whose time the owner keeps fresh; one that nobody owns any more
// (killed, machine switched off) is taken over.
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT, say } from './report.mjs';

const FILE = join(ROOT, 'build', 'bootstrap.lock');
const BEAT_MS = 5_000;
/** Without a sign of life for so long, the owner is gone: its process number may be another's now. */
const DEAD_AFTER_MS = 60_000;
const ASK_AGAIN_MS = 250;

const ME = JSON.stringify({ pid: process.pid, host: hostname() });

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** @returns {boolean} whether the lock is ours now */
function create() {
  mkdirSync(dirname(FILE), { recursive: true });
  try {
    writeFileSync(FILE, ME, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** What stands in a lock file, or undefined when it is gone. */
function read(file) {
  try {
    return { text: readFileSync(file, 'utf8'), age: Date.now() - statSync(file).mtimeMs };
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function ownerOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {}; // created, not yet written
  }
}

function isAbandoned({ text, age }) {
  const { pid, host } = ownerOf(text);
  return age > DEAD_AFTER_MS || (pid !== undefined && host === hostname() && !isAlive(pid));
}

/** Renaming is atomic: of several that see the same abandoned lock, one gets it out of the way. */
function remove(abandoned) {
  const aside = `${FILE}.${process.pid}`;
  try {
    renameSync(FILE, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  // Another process was quicker and this is its new lock: it goes back, unless a third is there.
  if (read(aside)?.text !== abandoned.text) {
    try {
      writeFileSync(FILE, readFileSync(aside), { flag: 'wx' });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }
  rmSync(aside, { force: true });
}

/**
 * Waits until no other bootstrap works in this checkout, and keeps others out until `release`.
 * @returns {Promise<() => void>} release
 */
export async function takeLock() {
  let hasSpoken = false;
  while (!create()) {
    const found = read(FILE);
    if (!found) continue;
    if (isAbandoned(found)) {
      remove(found);
      continue;
    }
    if (!hasSpoken) say(`waiting for another build (process ${ownerOf(found.text).pid ?? '?'})`);
    hasSpoken = true;
    await sleep(ASK_AGAIN_MS);
  }
  const beat = setInterval(() => {
    try {
      utimesSync(FILE, new Date(), new Date());
    } catch {
      // `npm run clean` in mid-build takes the lock along; the build fails by itself then.
    }
  }, BEAT_MS);
  beat.unref();
  const release = () => {
    clearInterval(beat);
    if (read(FILE)?.text === ME) rmSync(FILE, { force: true });
  };
  process.once('exit', release);
  return release;
}
