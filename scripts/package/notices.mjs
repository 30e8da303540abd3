// The licences of everything that the prebuilt addon holds or brings along, as one text. On Debian:
// that is where packages come with their terms and say which source they were built from.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT, StepFailed } from '../bootstrap/report.mjs';
import { ask } from './ask.mjs';

const LINE = '='.repeat(80);
/** Licences that Debian's texts name instead of quoting, and that code in the addon is under. */
const QUOTED_IN_FULL = ['Apache-2.0', 'GPL-3'];

function packageOf(file) {
  return [realpathSync(file), file]
    .map((path) => ask('dpkg', '-S', path).split(':')[0])
    .find(Boolean);
}

/** @returns {{ title: string, text: string }} */
function debianNotice({ file, how }) {
  const name = packageOf(file);
  const terms = `/usr/share/doc/${name}/copyright`;
  if (!name || !existsSync(terms)) {
    throw new StepFailed(`no licence was found for ${file}, which the prebuilt addon contains`);
  }
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
  const format = '${source:Package} ${source:Version}';
  const source = ask('dpkg-query', '-W', '-f', format, name).split('\n')[0];
  return {
    title: `${basename(file)}, ${how}: Debian package ${name}, built from the source package ${source}`,
    text: readFileSync(terms, 'utf8'),
  };
}

function npmNotice(name) {
  const folder = join(ROOT, 'node_modules', name);
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = ['LICENSE', 'LICENSE.md'].map((f) => join(folder, f)).find(existsSync);
  if (!file) throw new StepFailed(`node_modules/${name} has no licence`);
  return {
    title: `${name}, compiled in: npm package ${name} ${version}`,
    text: readFileSync(file, 'utf8'),
  };
}

/**
 * @param {{ archives: string[], libraries: string[] }} files linked in, and lying beside
 */
export function thirdPartyNotices({ archives, libraries }) {
  const notices = [
    ...archives.map((file) => debianNotice({ file, how: 'linked in' })),
    ...libraries.map((file) => debianNotice({ file, how: 'beside the addon' })),
    ...['node-addon-api', 'node-api-headers'].map(npmNotice),
  ];
  const licences = QUOTED_IN_FULL.map((name) => `/usr/share/common-licenses/${name}`)
    .filter((path) => existsSync(path) && notices.some(({ text }) => text.includes(path)))
    .map((path) => ({ title: `The licence ${basename(path)}`, text: readFileSync(path, 'utf8') }));
  return [
    'The compiled addon of Sluice contains, or has beside it, the works of others listed here. Their',
    'terms follow. The GNU libraries come under the GCC Runtime Library Exception. Files that the',
    'texts of Debian mention and the addon does not need (tests, documentation) are not contained.\n',
    ...notices.map(({ title }) => `- ${title}`),
    ...[...notices, ...licences].map(
      ({ title, text }) => `\n${LINE}\n${title}\n${LINE}\n\n${text}`,
    ),
  ].join('\n');
}
