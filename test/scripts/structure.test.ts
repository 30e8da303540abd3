import { describe, expect, it } from 'vitest';
import { makeTree, runScript } from './support.js';

function check(files: Record<string, string>) {
  return runScript('check-structure.mjs', makeTree(files));
}

describe('check-structure: includes', () => {
  it('passes what the rule allows', () => {
    const { status, lines } = check({
      'native/engine/plan/plan.cc': '#include "engine/core/tensor.h"\n#include <vector>\n',
      'native/reference/gru.cc': '#include "engine/backend/op.h"\n#include "reference/gru.h"\n',
      'native/cpu/blas.cc': '#include <cblas.h>\n#include "engine/core/tensor.h"\n',
      'native/cpu/parallel.cc': '#include <omp.h>\n#pragma omp parallel\n',
      'native/cpu/gru.cc': '#include "hwy/highway.h"\n#include "cpu/blas.h"\n',
      'native/addon/addon.cc': '#include <napi.h>\n#include "engine/model/model.h"\n',
      'native/addon/js.cc': '#include <node_api.h>\n',
      'native/addon/process.cc': '#include "cpu/cpu.h"\n#include "reference/reference.h"\n',
    });
    expect(lines).toEqual(['structure: 8 files in order']);
    expect(status).toBe(0);
  });

  it('refuses includes upwards and sideways', () => {
    const { status, lines } = check({
      'native/engine/a.cc': '// one\n#include "addon/js.h"\n#include "cpu/cpu.h"\n',
      'native/engine/b.cc': '#  include "native/reference/gru.h"\n',
      'native/reference/a.cc': '#include "cpu/gemm.h"\n#include "engine/model/model.h"\n',
      'native/cpu/a.cc': '#include "engine/graph/graph.h"\n#include "../engine/core/tensor.h"\n',
    });
    expect(status).toBe(1);
    expect(lines).toEqual(
      [
        'error: native/engine/a.cc:2: engine/ must not include addon/js.h',
        'error: native/engine/a.cc:3: engine/ must not include cpu/cpu.h',
        'error: native/engine/b.cc:1: engine/ must not include native/reference/gru.h',
        'error: native/reference/a.cc:1: reference/ must not include cpu/gemm.h',
        'error: native/reference/a.cc:2: reference/ must not include engine/model/model.h',
        'error: native/cpu/a.cc:1: cpu/ must not include engine/graph/graph.h',
        'error: native/cpu/a.cc:2: name headers from native/ on, not ../engine/core/tensor.h',
      ].sort(byFile),
    );
  });

  it('keeps Node, BLAS, OpenMP and Highway in their places', () => {
    const { status, lines } = check({
      'native/engine/a.cc': '#include <node_api.h>\n#include <napi.h>\n#include <uv.h>\n',
      'native/engine/b.cc': '#include <hwy/highway.h>\n#pragma omp simd\n',
      'native/reference/a.cc': '#include <openblas/cblas.h>\n#include <omp.h>\n',
      'native/cpu/a.cc': '#include <cblas.h>\n#include <omp.h>\n',
      'native/cpu/b.cc': '#include <cblas.h>\nvoid f() { _Pragma("omp parallel") {} }\n',
      'native/cpu/c.cc': '#include <node/node.h>\n#include <js_native_api_types.h>\n',
    });
    expect(status).toBe(1);
    expect(lines).toEqual([
      'error: native/cpu/b.cc:1: cblas.h belongs in one file, and native/cpu/a.cc has it',
      'error: native/cpu/b.cc:2: OpenMP belongs in one file, and native/cpu/a.cc has it',
      'error: native/cpu/c.cc:1: node/node.h belongs in native/addon/ alone',
      'error: native/cpu/c.cc:2: js_native_api_types.h belongs in native/addon/ alone',
      'error: native/engine/a.cc:1: node_api.h belongs in native/addon/ alone',
      'error: native/engine/a.cc:2: napi.h belongs in native/addon/ alone',
      'error: native/engine/a.cc:3: uv.h belongs in native/addon/ alone',
      'error: native/engine/b.cc:1: hwy/highway.h belongs in native/cpu/ alone',
      'error: native/engine/b.cc:2: #pragma omp belongs in native/cpu/ alone',
      'error: native/reference/a.cc:1: openblas/cblas.h belongs in native/cpu/ alone',
      'error: native/reference/a.cc:2: omp.h belongs in native/cpu/ alone',
    ]);
  });

  it('refuses a folder that it does not know', () => {
    const { status, lines } = check({ 'native/gpu/a.cc': '\n' });
    expect(status).toBe(1);
    expect(lines.join()).toContain('native/gpu/ is not a known folder');
  });
});

describe('check-structure: imports', () => {
  it('passes what the rule allows', () => {
    const { status, lines } = check({
      'lib/errors.ts': 'export class SluiceError extends Error {}\n',
      'lib/native.ts':
        "import type * as Binding from '../binding.js';\nimport './addon/places.js';\n" +
        'process.dlopen(module, file);\n',
      'lib/addon/places.ts': "import '../errors.js';\ncreateRequire(ROOT)('node-gyp-build');\n",
      'lib/tensor/tensor.ts': "import { native } from '../native.js';\n",
      'lib/layers/gru.ts':
        "/**\n * import { layers } from 'sluice';\n */\nimport '../tensor/tensor.js';\n",
      'lib/training/fit.ts': "import type { Gru } from '../layers/gru.js';\n",
      'lib/model/model.ts': "export * from '../training/fit.js';\nimport fs from 'node:fs';\n",
      'lib/index.ts': "export { Model } from './model/model.js';\n",
    });
    expect(lines).toEqual(['structure: 8 files in order']);
    expect(status).toBe(0);
  });

  it('refuses imports upwards in every form, and out of lib/', () => {
    const { status, lines } = check({
      'lib/errors.ts': "export * from './native.js';\n",
      'lib/native.ts': '\n',
      'lib/tensor/a.ts': "import {\n  type Gru,\n} from '../layers/gru.js';\n",
      'lib/layers/gru.ts': "const fit = await import('../training/fit.js');\n",
      'lib/layers/b.ts': "const fit = require('../training/fit.js');\n",
      'lib/training/fit.ts': "import '../../scripts/report.mjs';\nimport '../../binding.js';\n",
      'lib/training/c.ts': "import { layers } from 'sluice';\n",
    });
    expect(status).toBe(1);
    expect(lines).toEqual([
      'error: lib/errors.ts:1: must not import lib/native.ts, which stands above it',
      'error: lib/layers/b.ts:1: must not import lib/training/fit.ts, which stands above it',
      'error: lib/layers/gru.ts:1: must not import lib/training/fit.ts, which stands above it',
      'error: lib/tensor/a.ts:3: must not import lib/layers/gru.ts, which stands above it',
      'error: lib/training/c.ts: must not import the package by its name; name the file',
      'error: lib/training/fit.ts:1: must not import scripts/report.mjs, outside of lib/',
      'error: lib/training/fit.ts:2: only lib/native.ts imports binding.d.ts',
    ]);
  });

  it('refuses circles, also of types alone', () => {
    const { status, lines } = check({
      'lib/layers/a.ts': "import './b.js';\n",
      'lib/layers/b.ts': "import type { C } from './c.js';\n",
      'lib/layers/c.ts': "export { A } from './a.js';\n",
      'lib/layers/self.ts': "import './self.js';\n",
    });
    expect(status).toBe(1);
    expect(lines).toEqual([
      'error: import circle: lib/layers/a.ts -> lib/layers/b.ts -> lib/layers/c.ts -> lib/layers/a.ts',
      'error: import circle: lib/layers/self.ts -> lib/layers/self.ts',
    ]);
  });

  it('lets one file load the addon, and wants a rank for each folder', () => {
    const { status, lines } = check({
      'lib/model/a.ts': "const addon = require('../../build/Release/sluice.node');\n",
      'lib/model/b.ts': "import load from 'node-gyp-build';\n",
      'lib/plots/c.ts': '\n',
    });
    expect(status).toBe(1);
    expect(lines).toContain('error: lib/model/a.ts: only lib/native.ts loads the addon');
    expect(lines).toContain(
      'error: lib/model/b.ts: only lib/addon/places.ts chooses among prebuilt addons',
    );
    expect(lines).toContain('error: lib/plots/c.ts: lib/plots has no rank in scripts/structure');
  });
});

describe('check-structure: sizes', () => {
  it('warns from 300 lines on, fails above 600, and leaves tables and golden data alone', () => {
    const lines = (count: number) => '\n'.repeat(count);
    const answer = check({
      'lib/model/small.ts': lines(300),
      'lib/model/large.ts': lines(301),
      'native/cpu/limit.cc': lines(600),
      'test/huge.test.ts': lines(601),
      'native/cpu/math_table.h': lines(5000),
      'test/golden/recipe.py': lines(5000),
    });
    expect(answer.status).toBe(1);
    expect(answer.lines).toEqual([
      'warning: native/cpu/limit.cc: 600 lines; is it still one room with one purpose?',
      'warning: lib/model/large.ts: 301 lines; is it still one room with one purpose?',
      'error: test/huge.test.ts: 601 lines; the limit is 600',
    ]);
    expect(check({ 'lib/model/large.ts': lines(301) }).status).toBe(0);
  });

  it('leaves alone what npm has installed', () => {
    const installed = { 'bench/peers/node_modules/a/index.js': '\n'.repeat(5000) };
    const answer = check({ 'bench/run.mjs': '', ...installed });
    expect(answer.lines).toEqual(['structure: 1 files in order']);
  });
});

/** The checks report in the order of the files' names. */
function byFile(a: string, b: string): number {
  return a < b ? -1 : 1;
}
