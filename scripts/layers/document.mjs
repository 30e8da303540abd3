// docs/layers.json and docs/layers.md: found, read and written.
import { readFileSync, writeFileSync } from 'node:fs';
import { allCases, LAYERS, WITHOUT_CASE } from './cases.mjs';
import { readLayers } from './read.mjs';
import { render } from './render.mjs';
import { factsOf } from './run.mjs';

const FACTS = new URL('../../docs/layers.json', import.meta.url);
const PAGE = new URL('../../docs/layers.md', import.meta.url);

export const COMMAND = 'npm run docs:layers';

/** @returns {Promise<{ facts: string, page: string }>} what the two files have to hold */
export async function makeDocument(report = (_line) => {}) {
  const texts = readLayers();
  const missing = missingCases(allCases(), texts);
  if (missing.length) throw new Error(`scripts/layers/cases.mjs: ${missing.join('; ')}`);
  const facts = [];
  for (const testCase of allCases()) {
    report(`${testCase.column ?? testCase.layer} ${testCase.title}`);
    facts.push(await factsOf(testCase));
  }
  // A case a line: changes are found by eye, and merge.
  const lines = facts.map((fact) => `  ${JSON.stringify(fact)}`);
  return { facts: `[\n${lines.join(',\n')}\n]\n`, page: render(facts, texts) };
}

export function readDocument() {
  return { facts: readFileSync(FACTS, 'utf8'), page: readFileSync(PAGE, 'utf8') };
}

export function writeDocument({ facts, page }) {
  writeFileSync(FACTS, facts);
  writeFileSync(PAGE, page);
}

/**
 * Layers and options that no case has, layers that are not there any more.
 * @param {{ layer: string, options: object }[]} cases
 * @param {Record<string, { options: { name: string }[] }>} texts by layer
 */
export function missingCases(cases, texts) {
  const problems = Object.keys(LAYERS).flatMap((name) =>
    texts[name] ? [] : [`there is no layer ${name}`],
  );
  for (const [name, { options }] of Object.entries(texts)) {
    const own = cases.filter(({ layer }) => layer === name);
    if (!own.length || !LAYERS[name]) {
      problems.push(`no case for the layer ${name}`);
      continue;
    }
    for (const { name: option } of options) {
      const has = (one) => Object.hasOwn(one.options, option);
      if (!WITHOUT_CASE.test(option) && !own.some(has)) {
        problems.push(`no case for the option ${option} of ${name}`);
      }
    }
  }
  return problems;
}
