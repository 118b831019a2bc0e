// How much a first visit loads: the entry and everything it imports at once, plus
// the style sheet and the first page, compressed. Fails when it is over budget.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const BUDGET_KB = 150;
const dist = new URL('../dist/', import.meta.url).pathname;
const html = readFileSync(join(dist, 'index.html'), 'utf8');
const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'));

const files = new Set([...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((found) => found[1]));
const seen = new Set();
function take(key) {
  const chunk = manifest[key];
  if (!chunk || seen.has(key)) return;
  seen.add(key);
  files.add(chunk.file);
  for (const css of chunk.css ?? []) files.add(css);
  for (const next of chunk.imports ?? []) take(next);
}
take('index.html');
const page = process.argv[2] ?? 'src/pages/ProjectsPage.tsx';
take(page);

let [raw, gzip, brotli] = [html.length, gzipSync(html).length, brotliCompressSync(html).length];
for (const file of files) {
  const text = readFileSync(join(dist, file));
  raw += text.length;
  gzip += gzipSync(text, { level: 9 }).length;
  brotli += brotliCompressSync(text).length;
}
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
console.log(`first visit (${page}): ${files.size} files, ${kb(raw)}, gzip ${kb(gzip)}, brotli ${kb(brotli)}`);
if (brotli > BUDGET_KB * 1000) {
  console.error(`over the budget of ${BUDGET_KB} kB`);
  process.exit(1);
}
