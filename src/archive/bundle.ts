import { bundleHtml } from './bundle-html.ts';
import { bundleMaterial } from './bundle-material.ts';
import { bundleReadme } from './bundle-readme.ts';
import { bundleStamps, type ProofStamp } from './bundle-stamps.ts';
import { knownObjects, recordFile, stampName, type BundleFile, type Proof, type ProofView } from './bundle-view.ts';
import { sha256 } from '../formats/digests.ts';
import { jsonText } from '../formats/json-text.ts';
import type { Trust } from '../pki/trust.ts';

export type { BundleFile, Proof, ProofObject } from './bundle-view.ts';

/** How a file of ours begins: what it is, and of which object. @param members hashes of the leaf */
export function proofMark(members: readonly Buffer[]): string {
  return `{"sealtree":"proof","object":"${members
    .map((member) => member.toString('hex'))
    .sort()
    .join(' ')}"`;
}

/**
 * The files of a proof bundle, the same bytes each time: `proof.json` first, which tells whose it is; document, signature, records, timestamps,
 * certificates, revocation data; `README.txt` and `proof.html` last.
 */
export function bundleFiles(proof: Proof, trust: Trust): BundleFile[] {
  const stamps = proof.records.map(({ der }) => bundleStamps(der, knownObjects(proof), trust));
  const material = bundleMaterial(stamps.flat(), proof.material, trust);
  const objects = proof.objects.flatMap(({ name, digests, bytes }): BundleFile[] => {
    const digest = digests.get('sha256');
    return bytes === undefined || digest === undefined
      ? []
      : [{ name: `document/${name}`, content: bytes.pieces, size: bytes.size, sha256: digest }];
  });
  const files = [
    ...objects,
    ...proof.records.map(({ der, n }) => fileOf(recordFile(n), der)),
    ...stamps.flatMap((all, at) => all.flatMap((stamp) => stampFiles(stamp, proof.records[at]?.n ?? 1))),
    ...material.files.map(({ name, bytes }) => fileOf(name, bytes)),
  ];
  const view: ProofView = { ...proof, stamps, anchors: material.anchors, evaluation: material.evaluation, files };
  return [
    fileOf('proof.json', Buffer.from(`${proofJson(view)}\n`)),
    ...files,
    fileOf('README.txt', Buffer.from(bundleReadme(view))),
    fileOf('proof.html', Buffer.from(bundleHtml(view))),
  ];
}

function fileOf(name: string, content: Buffer): BundleFile {
  return { name, content, size: content.length, sha256: sha256(content) };
}

/** The token; the other hashes on the way to it, a line a level; for a hash-tree renewal what is hashed together with the document. */
function stampFiles({ position, token, path, sequence }: ProofStamp, n: number): BundleFile[] {
  const name = stampName(position, n);
  return [
    fileOf(`${name}.tst`, token),
    fileOf(`${name}.path`, Buffer.from(path.map((line) => `${line.join(' ')}\n`).join(''))),
    ...(sequence === undefined ? [] : [fileOf(`${name}.sequence`, sequence)]),
  ];
}

/** For programs: what the page shows, and the SHA-256 of every file. */
function proofJson({ title, objects, records, signature, evaluation, files, command }: ProofView): string {
  const [first] = records;
  const head = proofMark(first?.leaf.members ?? []);
  const rest = {
    version: 1,
    title,
    tree: first?.leaf.tree,
    index: first?.leaf.index,
    evaluation,
    objects: objects.map(({ kind, name, shown, digests, bytes }) => ({
      kind,
      name: shown,
      ...(bytes === undefined ? {} : { file: `document/${name}` }),
      digests: Object.fromEntries([...digests].map(([algorithm, digest]) => [algorithm, digest.toString('hex')])),
    })),
    ...(signature === undefined ? {} : { signature: { ...signature, signingTime: new Date(signature.signingTime).toISOString() } }),
    records: records.map(({ n, tsa, genTime, provesUntil, final }) => ({
      file: recordFile(n),
      tsa,
      provenSince: new Date(genTime).toISOString(),
      ...(Number.isFinite(provesUntil) ? { provesUntil: new Date(provesUntil).toISOString() } : {}),
      final,
    })),
    renewed: command,
    files: Object.fromEntries(files.map((file) => [file.name, file.sha256.toString('hex')])),
  };
  return `${head},${jsonText(rest, 1).slice(1)}`;
}
