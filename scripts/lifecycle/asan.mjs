// Node with the addon that was built with AddressSanitizer and UndefinedBehaviorSanitizer.
//
// Reports go to files, one a process: so what a case prints stays what it is, and the reports of
// children are found as well. Where a process exits in the middle of its work, Node and V8 leave much
// behind, some of it allocated in calls of ours; and all calls of ours come through V8. Suppressions
// (leak:node::, leak:v8::) match any function on the stack and would hide our leaks with theirs.
// Therefore nothing is suppressed, and a leak counts when the addon allocated the memory itself.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, StepFailed } from '../bootstrap/report.mjs';

const ADDON = join(ROOT, 'build', 'asan', 'Release', 'sluice.node');

/** The runtimes have to come before everything else in the process. */
function runtimes() {
  const { stdout } = spawnSync('ldd', [ADDON], { encoding: 'utf8' });
  const files = [...stdout.matchAll(/lib[au]b?san\S* => (\/\S+)/g)].map(([, file]) => file);
  if (files.length === 0) throw new StepFailed('the sanitized addon needs a shared libasan (g++)');
  return files.join(':');
}

/** The environment of a run whose reports lie in `folder`. */
function environment(folder) {
  return {
    SLUICE_ADDON_PATH: ADDON,
    LD_PRELOAD: runtimes(),
    ASAN_OPTIONS: [
      `log_path=${join(folder, 'asan')}`,
      'detect_leaks=1',
      // Errors end the process by a signal. Leaks, most of which are not ours, do not change its end.
      'abort_on_error=1:exitcode=0',
      'strict_string_checks=1:detect_stack_use_after_return=1',
      // Names the file of every function, also where there are lines of its source.
      'stack_trace_format="    #%n %p in %f %S [%m]"',
      // Node's memory for a worker's heap may be more than there is.
      'allocator_may_return_null=1',
    ].join(':'),
    LSAN_OPTIONS: 'max_leaks=0:print_suppressions=0',
    UBSAN_OPTIONS: `log_path=${join(folder, 'ubsan')}:print_stacktrace=1`,
  };
}

/** Whose code allocates for others: the runtimes, the C++ library and Highway. */
const ALLOCATOR = /\/lib(asan|ubsan|hwy|stdc\+\+|c|m|gcc_s)\.so[^/\]]*\]$/;
/** The addon, or a copy of it. */
const ADDON_FRAME = /\/sluice\.node\]$/;

/**
 * What Node 26 holds in memory of V8's, which is not searched: the hooks that it calls when an
 * environment ends. It calls none of them where the process exits.
 */
const HELD_BY_NODE = / in (Napi::Env::)?CleanupHook\b/;

/** Whether the memory of a leak was allocated by the addon itself, and nobody holds it. */
function isOurs(leak) {
  const frames = leak.split('\n').filter((line) => /^\s*#\d+ /.test(line));
  const [by = ''] = frames.filter((line) => !ALLOCATOR.test(line));
  return ADDON_FRAME.test(by) && !HELD_BY_NODE.test(by);
}

/** The parts of a process' report that are about the addon. */
export function ownReports(text) {
  const parts = text.split(/\n(?=(?:Direct|Indirect) leak of|SUMMARY:|=+\d+=+ERROR)/);
  return parts
    .filter((part) => {
      if (/^(Direct|Indirect) leak of/.test(part)) return isOurs(part);
      // The heading of the leaks says nothing by itself, nor do sums. One that cannot do its work ends
      // the process as well.
      const isReport = /ERROR|CHECK failed|fatal error|runtime error/.test(part);
      return isReport && !/ERROR: LeakSanitizer: detected/.test(part);
    })
    .map((part) => part.trim());
}

/**
 * Whether the search for leaks itself failed, which on Node 24 and 26 it does about once in two
 * hundred exits ("Tracer caught signal 11"): memory of V8's cannot be read any more. It says nothing
 * about the process, and ends it.
 */
export function couldNotSearch(reports) {
  return reports.some((text) => text.includes('LeakSanitizer has encountered a fatal error'));
}

/** @returns {{ environment: () => { env: Record<string, string>, reports: () => string[] } }} */
export function sanitizer() {
  const base = mkdtempSync(join(tmpdir(), 'sluice-asan-'));
  process.once('exit', () => rmSync(base, { recursive: true, force: true }));
  let count = 0;
  return {
    /** For one case: its environment, and what was found when it has ended. */
    environment() {
      const folder = join(base, String(count++));
      mkdirSync(folder);
      return {
        env: environment(folder),
        reports() {
          const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
          rmSync(folder, { recursive: true });
          return texts.flatMap(ownReports);
        },
      };
    },
  };
}
