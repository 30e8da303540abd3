// npm run docs:layers: runs every case of scripts/layers/cases.mjs on both devices, writes docs/layers.json
// and renders docs/layers.md.
import { fileURLToPath } from 'node:url';
import { makeDocument, writeDocument } from './layers/document.mjs';

let count = 0;
writeDocument(
  await makeDocument(() => {
    count++;
  }),
);
console.error(
  `${count} cases: wrote ${fileURLToPath(new URL('../docs/layers.md', import.meta.url))}`,
);
