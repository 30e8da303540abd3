// Runs the native tests of matrix products once for every kernel family of OpenBLAS that is linked
// (cmake/SluiceBlasFamilies.cmake): OPENBLAS_CORETYPE asks for the family. One whose instructions
// this CPU lacks runs under qemu-user where that is installed and can emulate them, else it is
// skipped with a message.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runMain, StepFailed } from './bootstrap/report.mjs';

const TESTS = join(ROOT, 'build', 'tests', 'sluice_tests');
/** How OpenBLAS calls a family: by the first of the names that share its kernels. */
const NAMES = {
  CORE2: 'Prescott',
  SANDYBRIDGE: 'Sandybridge',
  HASWELL: 'Haswell',
  SKYLAKEX: 'SkylakeX',
};
/** What a CPU must have for a family, as /proc/cpuinfo calls it, and an emulated one that has it. */
const CPUS = {
  CORE2: { flags: ['sse2'], emulated: 'Conroe' },
  SANDYBRIDGE: { flags: ['avx'], emulated: 'SandyBridge' },
  HASWELL: { flags: ['avx2', 'fma'], emulated: 'Haswell' },
  SKYLAKEX: { flags: ['avx512f', 'avx512dq', 'avx512bw', 'avx512vl'], emulated: undefined },
};

function linkedFamilies() {
  const cache = readFileSync(join(ROOT, 'build', 'CMakeCache.txt'), 'utf8');
  return (/^SLUICE_BLAS_FAMILIES:INTERNAL=(.+)$/m.exec(cache)?.[1] ?? '')
    .split(';')
    .filter(Boolean);
}

function run(family, emulator) {
  const [program, ...args] = [
    ...emulator,
    TESTS,
    '--gtest_filter=CpuBlas.Multiplies*:CpuBlas.Describes*',
  ];
  return spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, OPENBLAS_CORETYPE: family, SLUICE_TEST_BLAS_CORE: NAMES[family] },
  });
}

await runMain(async () => {
  if (!existsSync(TESTS))
    throw new StepFailed('there are no native tests yet: npm test builds them');
  const families = linkedFamilies();
  if (families.length === 0) {
    console.log('BLAS families: nothing to check, this BLAS is linked as it is');
    return;
  }
  const flags = new Set(
    readFileSync('/proc/cpuinfo', 'utf8')
      .match(/^flags\s*:.*$/m)?.[0]
      .split(' '),
  );
  const hasQemu = spawnSync('qemu-x86_64', ['--version']).status === 0;
  let isRight = true;
  for (const family of families) {
    const cpu = CPUS[family];
    const isNative = cpu.flags.every((flag) => flags.has(flag));
    if (!isNative && !(hasQemu && cpu.emulated)) {
      console.log(
        `${family}: skipped, this CPU lacks ${cpu.flags.join(', ')} and nothing emulates it`,
      );
      continue;
    }
    const { status, signal, stdout } = run(
      family,
      isNative ? [] : ['qemu-x86_64', '-cpu', cpu.emulated],
    );
    const where = isNative ? 'on this CPU' : `on an emulated ${cpu.emulated}`;
    console.log(`${family} ${where}: ${status === 0 ? 'right' : 'WRONG'}`);
    if (status === 0) continue;
    console.error(signal ? `error: ${family}: ended by ${signal}` : stdout);
    isRight = false;
  }
  process.exitCode = isRight ? 0 : 1;
});
