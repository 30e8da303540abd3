// npm run docs:layers: runs every case of scripts/layers/cases.mjs on all devices, writes docs/layers.json
// and renders docs/layers.md. The CUDA device is the emulated one unless SLUICE_CUDA_PATH names a library.
import { fileURLToPath } from 'node:url';
import { useEmulated } from '../test/support/emulated.mjs';
import { makeDocument, writeDocument } from './layers/document.mjs';

useEmulated();

let count = 0;
writeDocument(
  await makeDocument(() => {
    count++;
  }),
);
console.error(
  `${count} cases: wrote ${fileURLToPath(new URL('../docs/layers.md', import.meta.url))}`,
);
