// docs/layers.md from what was found (docs/layers.json) and what the comments of lib/layers say.
import { layers } from 'sluice';
import { table } from '../../bench/markdown.mjs';
import { allCases, GROUPS, LAYERS, RECURRENT, RECURRENT_CASES, rowTitle } from './cases.mjs';
import { make } from './inner.mjs';
import { NO_OPTION, NOT_YET } from './run.mjs';

/** What a row of the matrix is found by. */
const keyOf = ({ layer, column, case: title }) => [layer, column, title].join('|');

/** Reasons, each with a number of its own. */
class Notes {
  #all = [];

  mark(reason) {
    const known = this.#all.indexOf(reason);
    return `<sup>${known < 0 ? this.#all.push(reason) : known + 1}</sup>`;
  }

  list() {
    return this.#all.map((reason, i) => `${i + 1}. ${cell(reason)}`).join('\n');
  }
}

/**
 * @param {Awaited<ReturnType<typeof import('./run.mjs').factsOf>>[]} facts
 * @param {ReturnType<typeof import('./read.mjs').readLayers>} texts
 */
export function render(facts, texts) {
  const notes = new Notes();
  const byKey = new Map(facts.map((fact) => [keyOf(fact), fact]));
  const body = [overview(facts, texts, notes), recurrentTable(byKey, notes), onCuda(facts)];
  const parts = [
    introduction(facts.some(isSlower)),
    ...body.flat(),
    '## Reasons',
    notes.list(),
    '## Layer by layer',
    'Options with the values that they have where they are not given. Initializers, activations, regularizers and constraints: [README](../README.md), equations: [semantics.md](semantics.md).',
    ...Object.keys(LAYERS).flatMap((name) => section(name, texts[name], facts)),
  ];
  return `${parts.join('\n\n')}\n`;
}

const introduction = (hasSlower) => `# Layers

Every layer, what goes in and comes out, what becomes of masks, whether it can be stepped, and how it runs. Made by
\`npm run docs:layers\` from [scripts/layers](../scripts/layers), which runs every case on this page on all devices:
\`predict\`, \`vjp\` and a training step on \`cpu\`, held to \`reference\` (plain loops in double) within the bounds of
[semantics.md](semantics.md#precision); sequences without a mask, with padding on the right, on the left, holes,
and a row without any step, with NaN wherever a mask hides a value. The same on \`cuda\`, with fewer kinds of masks: not
on a GPU, but with its kernels on [an emulated device](cuda.md#testing-it). A test repeats it: what has changed fails
there until this page says so.

- **fast**: the \`cpu\` device has a kernel for it, which runs the way it is meant to. **detour**: the same kernel,
  by another way than for the default options, and \`explain\` says why; what that costs is
  [below](#options-of-the-recurrent-layers). **slower**: what \`strict: true\` refuses, as the \`reference\` device's plain
  loops would have to stand in.${hasSlower ? '' : ' Nothing on this page is.'} \`cuda\` has [a list of its own](#on-cuda-devices).
- **mask**: *used*: steps that do not count have no influence on those that do, beyond the zeros that stand in
  their place in any case; *passes on*: to the next layer, the loss and the metrics; *ends*; *made*: by the layer.
- **streams**: \`model.stream()\` and \`model.sessions()\` take it, one step at a time.
- B is the batch, T the number of steps, T′ one that follows from it; numbers are those of the example.`;

function overview(facts, texts, notes) {
  return [
    '## Overview',
    ...Object.entries(GROUPS).flatMap(([group, heading]) => [
      `### ${heading}`,
      table(
        ['layer', 'what it is', 'shapes', 'mask', 'streams', 'on `cpu`'],
        Object.entries(LAYERS).flatMap(([name, { group: own }]) =>
          own === group ? [overviewRow(name, texts[name], facts, notes)] : [],
        ),
      ),
    ]),
  ];
}

function overviewRow(name, { text, aliases }, facts, notes) {
  const all = facts.filter(({ layer, refused }) => layer === name && !refused);
  const [first] = all;
  const link = `[\`${name}\`](#${name.toLowerCase()})`;
  return [
    [link, ...aliases.map((alias) => `\`${alias}\``)].join(', '),
    cell(firstSentence(text)),
    `${first.shapes}`,
    distinct(all, 'mask', (mask) => mask ?? '–'),
    distinct(all, 'streams', (streams) => yesNo(streams, notes)),
    onCpu(all),
  ];
}

const yesNo = (streams, notes) => (streams === 'yes' ? 'yes' : `no${notes.mark(streams)}`);

/** Cases that a cell of the overview names. */
const MOST_NAMED = 2;

/** The first case's, and the cases that differ from it. */
function distinct(all, property, textOf) {
  const [first, ...rest] = all;
  const others = new Map();
  for (const fact of rest) {
    const text = textOf(fact[property]);
    if (text === textOf(first[property])) continue;
    others.set(text, [...(others.get(text) ?? []), `\`${fact.case}\``]);
  }
  const lines = [...others].map(([text, cases]) => {
    const more = cases.length > MOST_NAMED ? ` and ${cases.length - MOST_NAMED} more` : '';
    return `${text}: ${cases.slice(0, MOST_NAMED).join('; ')}${more}`;
  });
  return [textOf(first[property]), ...lines].join('<br>');
}

const isSlower = (fact) => JSON.stringify([fact.cpu]).includes('slower: ');

const isFast = ({ predict, train }) => predict === 'fast' && train === 'fast';

function onCpu(all) {
  if (all.every(({ cpu }) => isFast(cpu))) return 'fast';
  return `fast; ${all.some(isSlower) ? 'slower' : 'a detour'} with [some options](#options-of-the-recurrent-layers)`;
}

function recurrentTable(byKey, notes) {
  const rows = RECURRENT_CASES.map((row) => [
    `\`${rowTitle(row) || 'the defaults'}\``,
    ...Object.entries(RECURRENT).map(([column, { name }]) =>
      recurrentCell(byKey.get(keyOf({ layer: name, column, case: rowTitle(row) })), notes),
    ),
  ]);
  return [
    '## Options of the recurrent layers',
    'In prediction and training; where a cell says *no stream*, the model can be run, but not stepped.',
    table(['option', ...Object.keys(RECURRENT).map((column) => `\`${column}\``)], rows),
    DETOURS,
  ];
}

/** Measured with model.measure, alternating, medians of five; beside other work. */
const DETOURS = `What a detour costs, as a multiple of the time that the default options take: 1 to 64 rows of 50 steps, 64 to 512
units, one thread, forward and backward alike but for what is noise. Activations and \`clip\` 0.9 to 1.15; \`resetAfter:
false\` 1.0 to 1.15; \`recurrentDropout\` in training 1.0 to 1.35; \`layerNorm\` 1.0 to 1.6, most of which is the
normalization itself. Threads share out the rows of such a call, and of any \`simpleRnn\`, but never its units: a call of
fewer rows than threads leaves some of them idle. A stream of the default \`gru\` has a kernel of its own for its steps.`;

const CUDA_WORDS = { fast: 'a kernel', detour: 'a detour', slower: 'on the cpu' };

const CUDA_MEANS = {
  slower: `**on the cpu**: the operation runs there in between, what it reads and writes is copied to it and back, and
\`strict: true\` refuses the model.`,
  detour: '**a detour**: it has a kernel, which does not run the way it is meant to.',
};

/** What is not done there, or not in the way that is meant: layers by option and what happens. */
function onCuda(facts) {
  const here = facts.filter(({ refused }) => !refused);
  const textOf = ({ cuda }) =>
    pathText(cuda, (word, why) => [CUDA_WORDS[word], why].filter(Boolean).join(': '));
  const rows = new Map();
  for (const name of new Set(here.map(nameOf))) {
    const all = here.filter((fact) => nameOf(fact) === name);
    const isSame = all.every((fact) => textOf(fact) === textOf(all[0]));
    for (const fact of isSame ? all.slice(0, 1) : all) {
      if (isFast(fact.cuda)) continue;
      const option = isSame ? 'any' : `\`${fact.case || 'the defaults'}\``;
      const row = [option, cell(textOf(fact))];
      const key = row.join('|');
      rows.set(key, { row, names: [...(rows.get(key)?.names ?? []), `\`${name}\``] });
    }
  }
  const lines = [...rows.values()].map(({ row }) => row.join(' '));
  const means = Object.entries(CUDA_MEANS)
    .filter(([word]) => lines.some((line) => line.includes(CUDA_WORDS[word])))
    .map(([, text]) => text);
  return [
    '## On CUDA devices',
    `With \`device: 'cuda'\` every layer can be used, with every option that it has. Which operations have kernels for GPUs
was found on [an emulated device](cuda.md#testing-it); \`explain\` says the same of each operation of a model. All on this
page have one that runs the way it is meant to${rows.size ? `, but those below. ${means.join(' ')}` : '.'}`,
    ...(rows.size
      ? [
          table(
            ['layer', 'option', 'what happens'],
            [...rows.values()].map(({ row, names }) => [names.join(', '), ...row]),
          ),
        ]
      : []),
  ];
}

const nameOf = ({ column, layer }) => column ?? layer;

function recurrentCell({ refused, cpu, streams, layer }, notes) {
  if (refused === NO_OPTION) return '–';
  if (refused === NOT_YET) return NOT_YET;
  if (refused) return `refused${notes.mark(refused)}`;
  const path = pathText(cpu, (word, why) => (why ? `${word}${notes.mark(why)}` : word));
  // That no bidirectional layer can be stepped is said once, in the overview.
  return streams === 'yes' || layer === 'bidirectional'
    ? path
    : `${path}, no stream${notes.mark(streams)}`;
}

/** What a case does on a device; `textOf` a word of that and the reason, where it has one. */
function pathText({ predict, train }, textOf) {
  const of = (path) => {
    if (typeof path === 'object') {
      return Object.entries(path)
        .map(([kind, one]) => `${of(one)} (mask: ${kind})`)
        .join(', ');
    }
    const [, word, why] = /^(detour|slower): (.*)$/.exec(path) ?? [path, path];
    return textOf(word, why);
  };
  return of(predict) === of(train) ? of(predict) : `${of(predict)}, training ${of(train)}`;
}

/** A layer in full. */
function section(name, { file, aliases, text, options }, facts) {
  const defaults = defaultsOf(name);
  // Those of the recurrent layers have a table of their own.
  const cases = facts.filter(
    ({ layer, column, refused, case: title }) => layer === name && !column && !refused && title,
  );
  const required = options.filter(({ isOptional }) => !isOptional);
  const optional = options.filter(({ isOptional }) => isOptional);
  return [
    `### ${name}`,
    ...(aliases.length ? [`Also ${aliases.map((alias) => `\`${alias}\``).join(', ')}.`] : []),
    text,
    table(
      ['option', 'type', 'default', ''],
      [...required, ...optional].map((option) => [
        `\`${option.name}\``,
        cell(`\`${option.type}\``),
        option.isOptional ? defaultText(defaults, option.name) : 'required',
        cell(option.text),
      ]),
    ),
    `Source: [lib/layers/${file}](../lib/layers/${file}).${
      cases.length
        ? ` Checked with ${cases.map(({ case: title }) => `\`${title}\``).join(', ')}.`
        : ''
    }`,
  ];
}

/**
 * What the layer makes of the options it cannot be without: all others have defaults. Those that follow
 * from what was given are none.
 */
function defaultsOf(name) {
  const { options } = allCases().find(({ layer }) => layer === name);
  const made = make(layers, name, options).options;
  const more = (value) => (Number.isInteger(value) ? value + 1 : value);
  const changed = Object.entries(options).map(([key, value]) => [key, more(value)]);
  const others = make(layers, name, Object.fromEntries(changed)).options;
  const isFixed = ([key, value]) => JSON.stringify(value) === JSON.stringify(others[key]);
  return Object.fromEntries(Object.entries(made).filter(isFixed));
}

function defaultText(defaults, option) {
  const value = defaults[option];
  if (value === undefined) return '';
  if (value === null) return 'none';
  const plain = value.name ?? value;
  return `\`${typeof plain === 'string' ? `'${plain}'` : JSON.stringify(plain)}\``;
}

/** Text for a cell of a table. */
function cell(text) {
  return text.replace(/\s*\n\s*/g, ' ').replaceAll('|', '\\|');
}

function firstSentence(text) {
  const [, sentence] = /^(.*?(?<!\bal)[.:])(?:\s|$)/s.exec(text) ?? [null, text];
  return sentence.replace(/:$/, '.');
}
