import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { printKeys } from '../../src/cli/show/keys.ts';
import { captured } from './captured.ts';
import type { KeyView } from '../../src/app/keys.ts';

const certificate = { subject: 'CN=Seal 1,O=Insurer', issuer: 'CN=Trust Centre', serialNumber: '01', notAfter: '2027-11-22T00:00:00Z' };
const counts = { signaturesToday: 40, signatures: 1240, inDoubt: 0, discarded: 0 };
const card: KeyView = {
  ...{ name: 'card', source: 'pkcs11', state: 'ready', ...counts, pin: 'entered', signaturesLeft: 9960 },
  ...{ reader: 'Reader 00 00', token: { label: 'Seal card 1', serial: '11' }, certificate: { ...certificate, daysLeft: 364 } },
  activation: { since: '2026-11-22T08:00:00Z', until: '2026-11-22T20:00:00Z', minutesLeft: 678 },
};

suite('key list', () => {
  const shown = (...keys: KeyView[]): string[] => {
    const { terminal, out } = captured();
    printKeys(terminal, keys);
    return out().trimEnd().split('\n');
  };

  test('a line each: card, reader, certificate with its days, PIN, what is left, signatures', () => {
    const [head, line] = shown(card);
    assert.match(head ?? '', /KEY +STATE +CARD +READER +CERTIFICATE +PIN +LEFT +TODAY +EVER/);
    assert.match(line ?? '', /✓ card +ready +Seal card 1 +Reader 00 00 +Seal 1, 364 days +entered +9,960, 11 h 18 min +40 +1240$/);
  });

  test('why a key does not sign stands below, with what to do; tries that nobody tells are unknown, our own wrong ones are counted', () => {
    const error = { code: 'SEAL-KEY-PIN-NEEDED', message: 'waits for its PIN', hint: '“sealtree key activate”', retryable: true } as const;
    const [, line, reason, hint] = shown({ ...card, state: 'pin-needed', pin: 'needed', wrongPins: 2, error, reason: error.message });
    assert.match(line ?? '', /^! card +PIN needed .* needed, 2 wrong, tries left: unknown/);
    assert.match(reason ?? '', /card: SEAL-KEY-PIN-NEEDED waits for its PIN/);
    assert.match(hint ?? '', /hint: “sealtree key activate”/);
    assert.match(shown({ ...card, state: 'pin-needed', pin: 'needed', pinTriesLeft: 1 })[1] ?? '', /tries left: 1/);
  });

  test('software keys have no columns for cards', () => {
    const [head, line] = shown({
      name: 'seal',
      source: 'pkcs12',
      state: 'ready',
      ...counts,
      inDoubt: 3,
      certificate: { ...certificate, daysLeft: 1 },
    });
    assert.doesNotMatch(head ?? '', /READER|PIN|LEFT/);
    assert.match(line ?? '', /✓ seal +ready +key file +Seal 1, 1 day +40 +1240 \(3 in doubt\)$/);
    assert.deepEqual(shown(), ['no keys are configured']);
  });
});
