import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judgeFor } from '../../../../src/signer/keys/pkcs11/choice.ts';
import { testAuthority } from '../../../support/authority.ts';
import type { KeyChoice } from '../../../../src/signer/keys/pkcs11/choice.ts';
import type { FoundToken } from '../../../../src/signer/keys/pkcs11/scout.ts';

describe('which card a key means', () => {
  const authority = testAuthority();
  const now = authority.now();
  const card = (serial: string, ...certificates: readonly Buffer[]): FoundToken => ({
    ...{ reader: `Reader ${serial} 00`, slot: Number(serial), label: `label ${serial}`, serial },
    certificates: certificates.map((der, index) => ({ der, id: Buffer.from([index + 1]), label: `certificate ${index + 1}` })),
  });
  const choice = (changes: Partial<KeyChoice>): KeyChoice => ({
    ...{ token: 'any', key: {}, keyUsage: 'contentCommitment', minRemaining: 86_400_000 },
    ...changes,
  });
  const seal = authority.issue({ subject: 'Seal 1' }).certificate;
  const login = authority.issue({ subject: 'Seal 1', keyUsage: ['digitalSignature'] }).certificate;
  const expired = authority.issue({ subject: 'Seal 1', state: 'expired' }).certificate;

  test('label, serial, slot and reader name it; all that are given must fit', () => {
    const one = card('1', seal);
    for (const token of [
      { label: 'label 1' },
      { serial: '1' },
      { slot: 1 },
      { reader: 'Reader 1*' },
      { label: 'label 1', serial: '1' },
      {},
    ])
      assert.ok(judgeFor(choice({ token }), now, undefined)(one) > 0, JSON.stringify(token));
    for (const token of [{ label: 'label' }, { serial: '2' }, { slot: 0 }, { reader: 'Reader 2*' }, { label: 'label 1', serial: '2' }])
      assert.equal(judgeFor(choice({ token }), now, undefined)(one), 0, JSON.stringify(token));
  });

  test('any: only a certificate for signatures, and only one whose names fit', () => {
    const any = judgeFor(choice({}), now, undefined);
    assert.ok(any(card('1', seal)) > 0);
    assert.ok(any(card('1', login, seal)) > 0, 'the other certificate of the card is for signatures');
    assert.equal(any(card('1', login)), 0, 'an authentication key is never picked');
    assert.equal(any(card('1', Buffer.from('no certificate'))), 0);
    assert.equal(any(card('1')), 0);
    assert.ok(
      judgeFor(choice({ certificate: { subject: 'CN=Seal ?,*', issuer: '*CN=*Issuing CA*' } }), now, undefined)(card('1', seal)) > 0,
    );
    assert.equal(judgeFor(choice({ certificate: { subject: 'CN=Seal 2,*' } }), now, undefined)(card('1', seal)), 0);
    assert.equal(judgeFor(choice({ certificate: { issuer: '*CN=Other*' } }), now, undefined)(card('1', seal)), 0);
    assert.equal(judgeFor(choice({ key: { id: '02' } }), now, undefined)(card('1', seal, login)), 0, 'the key that is named is for login');
  });

  test('any: the card it had before comes first, then one that may sign now', () => {
    const judge = judgeFor(choice({}), now, '3');
    assert.ok(judge(card('3', seal)) > judge(card('1', seal)));
    assert.ok(judge(card('1', seal)) > judge(card('2', expired)));
    assert.ok(judge(card('2', expired)) > 0, 'shown, with its reason');
  });
});
