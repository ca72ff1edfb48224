import { readdirSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

/**
 * `npm run bench -- [NAME...]`: rows of docs/performance.md, each beside its peer or floor in the same run. Without names: all rows.
 * ROUNDS=n sets the number of interleaved rounds.
 */
const rows = readdirSync(new URL('rows/', import.meta.url)).map((file) => file.replace(/\.ts$/, ''));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !rows.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`no row is called ${unknown.join(', ')}; rows are ${rows.join(', ')}\n`);
  process.exit(64);
}
process.stdout.write(
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, OpenSSL ${process.versions.openssl}\n`,
);
for (const name of wanted.length > 0 ? wanted : rows) {
  process.stdout.write(`\n${name}\n`);
  const row = (await import(new URL(`rows/${name}.ts`, import.meta.url).href)) as { default: () => Promise<void> };
  await row.default();
}
