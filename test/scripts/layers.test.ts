// docs/layers.md says what is the case: every case runs again, and every layer and option has one.
import { layers } from 'sluice';
import { describe, expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript
import { allCases } from '../../scripts/layers/cases.mjs';
// @ts-expect-error: plain JavaScript
import * as document from '../../scripts/layers/document.mjs';
// @ts-expect-error: plain JavaScript
import { readLayers as read } from '../../scripts/layers/read.mjs';
import { NO_CUDA } from '../support/cuda.js';

const { COMMAND, makeDocument, missingCases, readDocument } = document;
const readLayers: () => Record<string, { aliases: string[]; options: { name: string }[] }> = read;

describe('docs/layers.md', () => {
  it.skipIf(NO_CUDA !== null)(
    'is what a run of all cases gives',
    async () => {
      const made = await makeDocument();
      const written = readDocument();
      // Line by line: the first ones that differ say which case has changed.
      const changed = (name: 'facts' | 'page') => {
        const lines = new Set<string>(written[name].split('\n'));
        return made[name].split('\n').filter((line: string) => !lines.has(line));
      };
      const why = `docs/layers.md is out of date; if this is what it should say, run ${COMMAND}`;
      expect(changed('facts').slice(0, 5), why).toEqual([]);
      expect(changed('page').slice(0, 5), why).toEqual([]);
      expect(made, why).toEqual(written);
    },
    180_000,
  );
});

describe('the cases', () => {
  const texts = readLayers();

  it('are of every layer and every option', () => {
    const aliases = Object.values(texts).flatMap((text) => text.aliases);
    expect([...Object.keys(texts), ...aliases].sort()).toEqual(Object.keys(layers).sort());
    expect(missingCases(allCases(), texts)).toEqual([]);
  });

  it('are missed where a layer or an option is new', () => {
    const option = { name: 'sparkle' };
    const more = { ...texts, nova: { options: [] }, gru: { options: [option] } };
    expect(missingCases(allCases(), more)).toEqual([
      'no case for the option sparkle of gru',
      'no case for the layer nova',
    ]);
    const { dense: _, ...fewer } = texts;
    expect(missingCases(allCases(), fewer)).toEqual(['there is no layer dense']);
  });
});
