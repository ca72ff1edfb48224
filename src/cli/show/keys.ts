import type { KeyView } from '../../app/keys.ts';
import type { Terminal } from '../terminal.ts';

/** `key list`: a line each, and below them why some do not sign and what to do. */
export function printKeys(terminal: Terminal, keys: readonly KeyView[]): void {
  if (keys.length === 0) {
    terminal.print('no keys are configured');
    return;
  }
  const columns = ['  KEY', 'STATE', 'CARD', 'READER', 'CERTIFICATE', 'PIN', 'LEFT', 'TODAY', 'EVER'];
  const rows = keys.map((key) => [
    `${markOf(terminal, key)} ${key.name}`,
    stateWords[key.state],
    cardOf(key),
    key.reader ?? '',
    certificateOf(key),
    pinOf(key),
    leftOf(key),
    String(key.signaturesToday),
    `${key.signatures}${key.inDoubt > 0 ? ` (${key.inDoubt} in doubt)` : ''}`,
  ]);
  // A column in which no key has anything (software keys have no card) only takes room.
  const used = columns.map((_, column) => rows.some((row) => row[column] !== ''));
  const shown = (row: readonly string[]): string[] => row.filter((_, column) => used[column] === true);
  terminal.table(rows.map(shown), shown(columns), shown(columns).indexOf('READER'));
  for (const { name, reason, error, forecast } of keys) {
    if (error !== undefined) terminal.printError(error, `  ${name}: `);
    else if (reason !== undefined) terminal.print(`  ${name}: ${reason}`);
    if (forecast !== undefined && forecast.documentsWaiting > 0) terminal.print(`  ${name}: ${aheadOf(forecast)}`);
  }
}

/** What waits for it, and how long it will last. */
function aheadOf({ documentsWaiting, signaturesLastHour, usedUpAt }: NonNullable<KeyView['forecast']>): string {
  const end = usedUpAt === undefined ? '' : `; used up about ${usedUpAt}`;
  return `${documentsWaiting} documents wait for it, ${signaturesLastHour} signatures in the last hour${end}`;
}

const stateWords: Readonly<Record<KeyView['state'], string>> = {
  ready: 'ready',
  'pin-needed': 'PIN needed',
  'pin-locked': 'PIN locked',
  absent: 'absent',
  failing: 'failing',
  resting: 'resting',
  unusable: 'unusable',
  closed: 'closed',
};

/** ✓ signs, ! waits for something that is nobody's fault, ✗ does not sign. */
export function markOf(terminal: Terminal, { state }: Pick<KeyView, 'state'>): string {
  if (state === 'ready') return terminal.style('green', '✓');
  return state === 'pin-needed' || state === 'resting' || state === 'closed' ? terminal.style('yellow', '!') : terminal.style('red', '✗');
}

function cardOf({ token, source }: KeyView): string {
  if (token !== undefined) return token.label === '' ? token.serial : token.label;
  return source === 'pkcs11' ? '' : source === 'pkcs12' ? 'key file' : source;
}

function certificateOf({ certificate }: KeyView): string {
  if (certificate === undefined) return '';
  const name = /(?:^|,)CN=((?:[^,\\]|\\.)*)/.exec(certificate.subject)?.[1] ?? certificate.subject;
  return `${name}, ${certificate.daysLeft < 0 ? 'ended' : days(certificate.daysLeft)}`;
}

function days(count: number): string {
  return count === 1 ? '1 day' : `${count} days`;
}

function pinOf({ pin, pinTriesLeft, wrongPins = 0 }: KeyView): string {
  if (pin === undefined) return '';
  const wrong = wrongPins === 0 ? '' : `, ${wrongPins} wrong`;
  return pin === 'needed' ? `needed${wrong}, tries left: ${pinTriesLeft ?? 'unknown'}` : `${pin}${wrong}`;
}

/** What the activation still allows. */
function leftOf({ activation, signaturesLeft }: KeyView): string {
  const { stack } = activation ?? {};
  const minutes = activation?.minutesLeft;
  const time = minutes === undefined ? [] : [minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`];
  const number = (count: number): string => count.toLocaleString('en');
  const ofStack = stack && `${number(stack.left)} of the ${number(stack.documents)} shown`;
  const signatures = ofStack !== undefined ? [ofStack] : signaturesLeft === undefined ? [] : [number(signaturesLeft)];
  return [...signatures, ...time].join(', ');
}
