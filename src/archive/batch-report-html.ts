import { displayName } from '../formats/names.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import { escaped, marked } from './markup.ts';
import { reportedDocument, reportHead, type ReportedDocument, type ReportTimes } from './batch-report.ts';

/** The banner and the counts are known last and written last; they stand first. Narrow screens get a block a document instead of a row. */
const style = `
body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#1a1a1a;background:#fff;display:flex;flex-direction:column}
h1{font-size:1.5em;order:-2;margin:.7em 0 0}h1,dd,td{overflow-wrap:anywhere}
.banner{order:-3;background:#b45309;color:#fff;padding:.6em 1em;margin:0;font-weight:bold}.counts{order:-1;font-size:1.15em}
dl{display:grid;grid-template-columns:max-content auto;gap:.1em 1.5em;margin:0}dt,th{color:#555}dd{margin:0}
table{border-collapse:collapse;width:100%;margin:1.5em 0}th{text-align:left;font-weight:normal;border-bottom:2px solid #777}
th,td{padding:.4em 1em .4em 0;vertical-align:top}td{border-bottom:1px solid #ccc}td:first-child{width:32%}td:last-child{white-space:nowrap}
code{font-size:11px;word-break:break-all}.good{color:#15703a;font-weight:bold}.bad{color:#b01c1c;font-weight:bold}.warn{color:#a34a06}small{color:#555;display:block}
@media screen and (max-width:720px){table,tbody,tr,td{display:block}thead{display:none}tr{border-bottom:1px solid #ccc;padding:.6em 0}
td{border:0;padding:.15em 0}td:first-child{width:auto;font-weight:bold}td small{font-weight:normal}td:empty{display:none}}
@media print{body{margin:0;padding:0;max-width:none}tr{break-inside:avoid}.banner{print-color-adjust:exact}}`;

/** A name as the JSON report holds it. */
function shownName(name: string, nameBytes: string | undefined): string {
  return nameBytes === undefined ? escaped(name) : marked(displayName(Buffer.from(nameBytes, 'hex')));
}

/** `batch-report.html`: the JSON report for people, piece by piece; complete in itself, without scripts, made to be printed. */
export async function* htmlPieces(
  pages: AsyncIterable<readonly BatchDocument[]>,
  batch: Batch,
  times: ReportTimes,
): AsyncGenerator<Uint8Array> {
  const head = reportHead(batch, times);
  const path = shownName(head.path, head.pathBytes);
  const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`;
  const viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">';
  yield Buffer.from(
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8">${viewport}${policy}<title>Batch ${path}</title><style>${style}</style></head><body>`,
  );
  yield Buffer.from(`<h1>Batch <bdi>${path}</bdi></h1><dl>`);
  for (const [term, value] of Object.entries({
    Batch: head.batch,
    Root: head.root,
    Profile: head.profile,
    'Part of': head.partOf,
    Approved: seconds(head.approvedAt),
    Claimed: seconds(head.claimedAt),
    Delivered: seconds(head.deliveredAt),
  }))
    if (value !== undefined) yield Buffer.from(`<dt>${term}</dt><dd>${escaped(value)}</dd>`);
  yield Buffer.from(
    '</dl><table><thead><tr><th>Document</th><th>Signature</th><th>Checked before release</th><th>Archive</th></tr></thead><tbody>',
  );
  let delivered = 0;
  let failed = 0;
  let evaluation = false;
  for await (const page of pages) {
    for (const document of page) {
      evaluation ||= document.signature?.report?.evaluation === true;
      if (document.state === 'failed') failed++;
      else delivered++;
      yield Buffer.from(rowOf(reportedDocument(document)));
    }
  }
  yield Buffer.from(
    `</tbody></table><p class="counts"><span class="good">${delivered} delivered</span>${failed > 0 ? `, <span class="bad">${failed} failed</span>` : ''}</p>`,
  );
  if (evaluation)
    yield Buffer.from('<p class="banner">EVALUATION: certificates of an evaluation authority were used; this proves nothing to others</p>');
  yield Buffer.from('</body></html>\n');
}

/** People read whole seconds. */
function seconds(time: string): string {
  return time.replace(/\.\d+Z$/, 'Z');
}

function rowOf(document: ReportedDocument): string {
  const { signature, verification, output, error } = document;
  const { file: shownFile = document.document, nameBytes = document.nameBytes } = output ?? {};
  const file = `<bdi>${shownName(shownFile, nameBytes)}</bdi>${hashed('in', document.input.sha256)}${hashed('out', output?.sha256)}`;
  const signed =
    signature === undefined
      ? ''
      : `${escaped(`${signature.format} ${signature.level}`)}<small>${escaped(signature.signer?.subject ?? '')}</small><small>key ${escaped(signature.key)}</small><small>${seconds(signature.signingTime)}</small>`;
  const verdict =
    error === undefined
      ? '<span class="good">delivered</span>'
      : `<span class="bad">${error.code}</span>${smalls([error.message, ...(error.hint === undefined ? [] : [error.hint])])}`;
  const checks = `${error !== undefined || verification === undefined ? verdict : ''}${verification === undefined ? '' : checksOf(verification)}`;
  const leaves = document.archive.map(({ tree, index, what }) => `${escaped(tree)}/${index}<small>${escaped(what)}</small>`).join('');
  return `<tr><td>${file}</td><td>${signed}</td><td>${checks}</td><td>${leaves}</td></tr>`;
}

/** SHA-256 of the document as it came or as it left. */
function hashed(which: 'in' | 'out', sha256: string | undefined): string {
  return sha256 === undefined ? '' : `<small>${which} <code>${sha256}</code></small>`;
}

function checksOf({ indication, checked, warnings }: NonNullable<ReportedDocument['verification']>): string {
  return `<span class="${indication === 'TOTAL-PASSED' ? 'good' : 'bad'}">${indication}</span>${smalls(checked)}${smalls(warnings, 'warn')}`;
}

function smalls(lines: readonly string[], kind = ''): string {
  return lines.map((line) => `<small${kind === '' ? '' : ` class="${kind}"`}>${escaped(line)}</small>`).join('');
}
