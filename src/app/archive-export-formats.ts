import { asicOf } from './archive-export-asic.ts';
import { bundleOf } from './archive-export-bundle.ts';
import type { ExportFormat } from './archive-export-format.ts';
import type { Recognition } from './archive-export-write.ts';
import type { ProducedRecord } from '../archive/produced-record.ts';
import { SealError } from '../errors.ts';
import { parseEvidenceRecord, recordLimits } from '../formats/ers.ts';
import { xmlersNamespace } from '../formats/xmlers-write.ts';

/** `x.ers`, `x.2.ers`: of independent records the first has no number. */
export function recordName(name: Buffer, { n }: Pick<ProducedRecord, 'n'>, suffix: string): Buffer {
  return Buffer.concat([name, Buffer.from(n === 1 ? suffix : `.${n}${suffix}`)]);
}

const ers: ExportFormat = {
  title: 'evidence record, RFC 4998, DER',
  check:
    'Any RFC 4998 validator checks it, such as “sealtree verify FILE --evidence RECORD” or EU DSS with the record as detached evidence record.',
  files: (_, name, { leaf }, records) =>
    Promise.resolve(
      records.map((record) => ({ name: recordName(name, record, '.ers'), content: record.der, record, ours: earlierRecord(leaf.members) })),
    ),
};

/** Whether a file is an evidence record of the object with these hashes: an earlier one, from before a renewal. */
function earlierRecord(members: readonly Buffer[]): Recognition {
  const wanted = members.map((member) => member.toString('hex')).sort();
  return {
    bytes: recordLimits.size,
    test: (bytes) => {
      try {
        const hashes = parseEvidenceRecord(bytes).chains[0]?.timestamps[0]?.reducedHashtree?.[0] ?? [];
        return (
          hashes
            .map((hash) => hash.toString('hex'))
            .sort()
            .join() === wanted.join()
        );
      } catch {
        return false;
      }
    },
  };
}

const xmlers: ExportFormat = {
  title: 'evidence record, RFC 6283, XML',
  check:
    'Any RFC 6283 validator checks it, such as “sealtree verify FILE --evidence RECORD” or EU DSS with the record as detached evidence record.',
  files: (_, name, { leaf }, records) =>
    Promise.resolve(
      records.map((record) => ({
        name: recordName(name, record, '.ers.xml'),
        content: record.xml(),
        record,
        ours: earlierXmlRecord(leaf.members),
      })),
    ),
};

/** The same in XML: the first hashes in it are those of its first list. */
function earlierXmlRecord(members: readonly Buffer[]): Recognition {
  const wanted = members
    .toSorted((a, b) => Buffer.compare(a, b))
    .map((member) => `<DigestValue>${member.toString('base64')}</DigestValue>`);
  return {
    bytes: 1024 * 1024,
    test: (start) => {
      const text = start.toString('latin1');
      return text.includes(xmlersNamespace) && text.includes(`<HashTree><Sequence Order="1">${wanted.join('')}</Sequence>`);
    },
  };
}

const asic: ExportFormat = {
  title: 'ASiC-E container (EN 319 162-1) with document and evidence record',
  check: 'Any validator of ASiC containers checks it, such as “sealtree verify FILE” or EU DSS; unzip shows the document.',
  files: asicOf,
};

const bundle: ExportFormat = {
  title: 'proof bundle',
  check: 'README.txt in it tells how, and proof.html shows it.',
  explainsItself: true,
  files: bundleOf,
};

const formats: Readonly<Record<string, ExportFormat>> = { ers, xmlers, asic, bundle };

/** Names of the formats, the default first. */
export const exportFormats: readonly string[] = Object.keys(formats);

/** @throws SealError SEAL-USAGE for a format that there is not */
export function exportFormat(name: string): ExportFormat {
  const format = Object.hasOwn(formats, name) ? formats[name] : undefined;
  if (format !== undefined) return format;
  throw new SealError('SEAL-USAGE', `no export format is called “${name}”`, { hint: `there is ${exportFormats.join(', ')}` });
}
