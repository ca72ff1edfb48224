import { element, escaped, facts, list } from './markup.ts';
import { shortName, timeline } from './timeline.ts';
import { evaluationNotice, formatNames, meaning, readableTime, timestampKinds } from './words.ts';
import type { ChainReport, EvidenceRecordReport, FileReport, SignatureReport, TimestampReport } from '../../model/verification.ts';

const style = `
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#1a1a1a;background:#fff}
h1{font-size:1.5em}h2{font-size:1.2em;margin-top:2em;overflow-wrap:anywhere}h3{font-size:1em;margin-bottom:.3em}
.banner{background:#b45309;color:#fff;padding:.6em 1em;font-weight:bold}
.word{display:inline-block;padding:.15em .6em;border-radius:.3em;color:#fff;font-weight:bold}
.passed{background:#15703a}.failed{background:#b01c1c}.indeterminate{background:#8a6100}
table{border-collapse:collapse;margin:.5em 0}th,td{vertical-align:top;padding:.1em 1.5em .1em 0}th{text-align:left;font-weight:normal;color:#555}
td{padding-right:0;overflow-wrap:anywhere}@media(min-width:600px){th{white-space:nowrap}}
.block{border:1px solid #ccc;border-radius:.4em;padding:0 1em 1em;margin:1em 0}h3,.chain li,svg,table{break-inside:avoid}h2,h3{break-after:avoid}
.chain{list-style:none;padding:0;margin:.5em 0}
.chain li{border:1px solid #777;border-radius:.3em;padding:.3em .7em;max-width:40em;overflow-wrap:anywhere}
.chain li+li{margin-top:1.4em;position:relative}
.chain li+li::before{content:"";position:absolute;left:2em;top:-1.4em;height:1.4em;border-left:2px solid #777}
.chain .anchor{border-width:3px}.chain small{color:#555;display:block}
.errors li{color:#b01c1c}.warnings li{color:#8a6100}
svg{display:block;width:100%;max-width:46em;height:auto;font-size:12px;margin:1em 0}svg text{paint-order:stroke;stroke:#fff;stroke-width:3px}@media screen and (max-width:600px){svg{font-size:17px}.block{padding:0 .6em .6em}}.bar{fill:#9db8d2}.axis{stroke:#777}
.mark{stroke-width:1.5;stroke-dasharray:3 3}circle.mark{stroke-dasharray:none}
.claimed{stroke:#777;fill:#777}.proven{stroke:#15703a;fill:#15703a}.now{stroke:#1a1a1a;fill:#1a1a1a}.end{stroke:#b01c1c;fill:#b01c1c}
@media print{body{margin:0;max-width:none;font-size:12px}.word,.banner,.bar,.mark{print-color-adjust:exact}}`;

/**
 * One page for all reports: complete in itself, made to be printed, without scripts and without anything fetched. What comes from documents
 * and certificates is escaped.
 */
export function htmlReport(reports: readonly FileReport[]): string {
  const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`;
  const banner = reports.some(({ evaluation }) => evaluation) ? element('p', escaped(evaluationNotice), 'banner') : '';
  const viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">';
  const [first] = reports;
  const title =
    reports.length === 1 && first !== undefined
      ? `Verification report: ${escaped(first.file.replace(/^.*\//s, ''))}`
      : 'Verification report';
  const head = `<meta charset="utf-8">${viewport}${policy}<title>${title}</title><style>${style}</style>`;
  const body = `<h1>Verification report</h1>${banner}${reports.map(filePart).join('')}`;
  return `<!doctype html>\n<html lang="en"><head>${head}</head><body>${body}</body></html>\n`;
}

type Judged = Pick<FileReport | TimestampReport, 'indication' | 'subIndication'>;

function verdict({ indication, subIndication }: Judged): string {
  const tone = indication.endsWith('PASSED') ? 'passed' : indication.endsWith('FAILED') ? 'failed' : 'indeterminate';
  const words = subIndication === undefined ? indication : `${indication} / ${subIndication}`;
  return element('p', `${element('span', escaped(words), `word ${tone}`)} ${escaped(meaning(indication, subIndication))}`);
}

function filePart(report: FileReport): string {
  return element(
    'section',
    element('h2', element('bdi', escaped(report.file))) +
      verdict(report) +
      facts([['judged for', readableTime(report.validationTime)]]) +
      list(report.errors, 'errors') +
      report.signatures.map((signature, at) => signaturePart(report, signature, at)).join('') +
      report.timestamps.map(timestampPart).join('') +
      report.evidenceRecords.map(evidencePart).join(''),
  );
}

function signaturePart(report: FileReport, signature: SignatureReport, at: number): string {
  const { signer, signingTime } = signature;
  return element(
    'div',
    element('h3', `Signature ${at + 1}: ${escaped(`${formatNames[signature.format]} ${signature.level}`)}`) +
      verdict(signature) +
      facts([
        ['covers', signature.scope],
        ['signed by', signer?.subject],
        ['intact / valid / trusted', [signature.intact, signature.valid, signature.trusted].map(yes).join(' / ')],
        ['algorithm', signature.signatureAlgorithm],
        ['claimed time', signingTime === undefined ? undefined : readableTime(signingTime)],
        ['proven to exist at', readableTime(signature.bestSignatureTime)],
      ]) +
      list(signature.errors, 'errors') +
      list(signature.warnings, 'warnings') +
      timeline(report, signature) +
      chainPart(signature.chain) +
      signature.timestamps.map(timestampPart).join(''),
    'block',
  );
}

/** The chain from the anchor down to the signer. */
function chainPart(chain: ChainReport): string {
  const boxes = chain.certificates.toReversed().map((certificate) => {
    const checks = chain.revocation.filter((check) => check.certificate === certificate.sha256);
    const lines = [
      `${certificate.trustAnchor ? 'trust anchor, ' : ''}valid ${certificate.notBefore.slice(0, 10)} to ${certificate.notAfter.slice(0, 10)}`,
      `serial number ${certificate.serialNumber}, SHA-256 ${certificate.sha256}`,
      ...checks.map(
        ({ status, source, thisUpdate }) =>
          `revocation: ${status}${source ? `, ${source.toUpperCase()}` : ''}${thisUpdate ? ` of ${readableTime(thisUpdate)}` : ''}`,
      ),
    ];
    const title = `<strong>${escaped(shortName(certificate.subject))}</strong><small>${escaped(certificate.subject)}</small>`;
    const small = lines.map((line) => element('small', escaped(line))).join('');
    return element('li', title + small, certificate.trustAnchor ? 'anchor' : undefined);
  });
  const drawn = boxes.length === 0 ? '' : element('h3', 'Certificate chain') + element('ol', boxes.join(''), 'chain');
  return drawn + list(chain.errors, 'errors') + list(chain.warnings, 'warnings');
}

function timestampPart(timestamp: TimestampReport): string {
  const { algorithm, value } = timestamp.messageImprint;
  return element(
    'div',
    element('h3', escaped(`${timestampKinds[timestamp.kind]} of ${readableTime(timestamp.genTime)}`)) +
      verdict(timestamp) +
      facts([
        ['intact / valid / trusted', [timestamp.intact, timestamp.valid, timestamp.trusted].map(yes).join(' / ')],
        ['imprint', `${algorithm} ${value}`],
      ]) +
      list(timestamp.errors, 'errors') +
      chainPart(timestamp.chain),
    'block',
  );
}

function evidencePart(record: EvidenceRecordReport): string {
  const { provenSince, provesUntil } = record;
  return element(
    'div',
    element('h3', record.syntax === 'RFC 6283' ? 'Evidence record in XML' : 'Evidence record') +
      verdict(record) +
      facts([
        ['proves existence since', provenSince === undefined ? undefined : readableTime(provenSince)],
        ['unrenewed it proves until', provesUntil === undefined ? undefined : readableTime(provesUntil)],
        ...record.covered.map((name) => ['covers', name] as const),
        ['hash-tree renewal', record.hashTreeRenewal],
      ]) +
      list(record.errors, 'errors') +
      list(record.warnings, 'warnings') +
      record.chains.flatMap(({ timestamps }) => timestamps.map(timestampPart)).join(''),
    'block',
  );
}

function yes(fact: boolean): string {
  return fact ? 'yes' : 'no';
}
