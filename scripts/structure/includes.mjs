// The include rule of native/.
//   addon -> engine -> backend interface <- reference, cpu, cuda        mpi -> communicator interface

/** What a backend sees of the engine: the interface, and what its declarations are made of. */
const INTERFACE = ['engine/backend/', 'engine/core/'];

/** What each folder of native/ may include, besides its own headers. */
const MAY_INCLUDE = {
  engine: [],
  reference: INTERFACE,
  cpu: INTERFACE,
  cuda: INTERFACE,
  mpi: ['engine/'],
  addon: ['engine/', 'reference/', 'cpu/', 'cuda/', 'mpi/'],
};

const CUDA =
  /^(cuda|cublas|cudnn|cufft|curand|cusolver|cusparse|nvtx|nvrtc|nccl|cooperative_groups)/;

/** Headers that only one folder of native/ may include; `once`: only one file in it. */
const CONFINED = [
  { header: /^(node\/)?(napi|napi-inl|node|uv|v8)\.h$/, folder: 'addon' },
  { header: /^(node\/)?(node_api|js_native_api)(_types)?\.h$/, folder: 'addon' },
  { header: /(^|\/)(cblas|openblas_config|lapacke)\.h$/, folder: 'cpu', once: 'cblas.h' },
  { header: /^omp\.h$/, folder: 'cpu', once: 'OpenMP' },
  { header: /^hwy\//, folder: 'cpu' },
  { header: CUDA, folder: 'cuda' },
  { header: /^mpi\.h$/, folder: 'mpi' },
];

const OPENMP_PRAGMA = /^[ \t]*#[ \t]*pragma[ \t]+omp\b|\b_Pragma\([ \t]*"[ \t]*omp\b/gm;

function lineNumber(text, index) {
  return text.slice(0, index).split('\n').length;
}

function includesOf(text) {
  return [...text.matchAll(/^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]/gm)].map((match) => ({
    header: match[1] ?? '',
    line: lineNumber(text, match.index),
  }));
}

/** Notes that `path` uses something that only one file may; the second file is an error. */
function confineToOneFile(users, what, path, where, errors) {
  const first = users.get(what) ?? path;
  users.set(what, first);
  if (first !== path) errors.push(`${where}: ${what} belongs in one file, and ${first} has it`);
}

function checkHeader(header, folder, where, errors) {
  const name = header.replace(/^native\//, '');
  const target = name.split('/')[0] ?? '';
  const isOurs = Object.hasOwn(MAY_INCLUDE, target) && target !== folder;
  if (isOurs && !MAY_INCLUDE[folder].some((allowed) => name.startsWith(allowed))) {
    errors.push(`${where}: ${folder}/ must not include ${header}`);
  }
  if (/(^|\/)\.\.\//.test(header)) {
    errors.push(`${where}: name headers from native/ on, not ${header}`);
  }
}

/** @param {import('../check-structure.mjs').SourceFile[]} files */
export function checkIncludes(files) {
  const errors = [];
  const users = new Map();
  for (const { path, text } of files) {
    const folder = /^native\/(\w+)\//.exec(path)?.[1];
    if (!folder) continue;
    if (!Object.hasOwn(MAY_INCLUDE, folder)) {
      errors.push(`${path}: native/${folder}/ is not a known folder (scripts/structure)`);
      continue;
    }
    for (const { header, line } of includesOf(text)) {
      const where = `${path}:${line}`;
      checkHeader(header, folder, where, errors);
      for (const { header: pattern, folder: home, once } of CONFINED) {
        if (!pattern.test(header)) continue;
        if (folder !== home) errors.push(`${where}: ${header} belongs in native/${home}/ alone`);
        else if (once) confineToOneFile(users, once, path, where, errors);
      }
    }
    for (const match of text.matchAll(OPENMP_PRAGMA)) {
      const where = `${path}:${lineNumber(text, match.index)}`;
      if (folder !== 'cpu') errors.push(`${where}: #pragma omp belongs in native/cpu/ alone`);
      else confineToOneFile(users, 'OpenMP', path, where, errors);
    }
  }
  return errors;
}
