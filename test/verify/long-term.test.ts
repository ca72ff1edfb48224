import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writePem } from '../../src/formats/pem.ts';
import { testAuthority, type TestIdentity } from '../support/authority.ts';
import { runProgram } from '../support/judges.ts';
import { makePdf } from '../support/pdfs.ts';
import { needs, venv } from '../support/tools.ts';
import { trusting, verifyBytes } from './verifying.ts';

const nothing = { crls: [], ocsps: [], failures: [] };

test(
  'PAdES B-LT and B-LTA by pyHanko: what the document itself holds suffices, and the level is what was checked',
  needs('pyhanko'),
  async (t) => {
    const authority = testAuthority({ name: 'Long term', tsaKeyType: 'rsa3072' });
    const [lt, lta] = [await signed(false), await signed(true)];
    const judge = (file: Buffer, more = {}) => verifyBytes(file, {}, trusting(authority, { revocation: nothing, ...more })).report;

    const first = judge(lt);
    assert.deepEqual([first.indication, first.signatures[0]?.level], ['TOTAL-PASSED', 'B-LT'], JSON.stringify(first, null, 1));
    const second = judge(lta);
    assert.deepEqual([second.indication, second.signatures[0]?.level], ['TOTAL-PASSED', 'B-LTA'], JSON.stringify(second, null, 1));

    const stranger = judge(lta, { anchors: [testAuthority({ name: 'Stranger' }).root.certificate] });
    assert.deepEqual(
      [stranger.indication, stranger.signatures[0]?.level],
      ['INDETERMINATE', 'B-T'],
      'what a document says about itself is not trusted',
    );

    const broken = Buffer.from(lta);
    const token = lta.lastIndexOf('/Contents <') + '/Contents <'.length;
    broken.write('ff'.repeat(8), token + 2 * 120, 'latin1');
    assert.notEqual(judge(broken).signatures[0]?.level, 'B-LTA', 'a broken document timestamp makes no level');

    async function signed(long: boolean): Promise<Buffer> {
      const directory = mkdtempSync(join(tmpdir(), 'sealtree-long-term-'));
      t.after(() => {
        rmSync(directory, { recursive: true });
      });
      const put = (name: string, bytes: string | Buffer): string => {
        writeFileSync(join(directory, name), bytes);
        return join(directory, name);
      };
      const key = (name: string, { privateKey }: TestIdentity) => put(name, privateKey.export({ type: 'pkcs8', format: 'pem' }));
      const pems = (name: string, list: readonly Buffer[]) => list.map((der, at) => put(`${name}-${at}`, writePem(der)));
      const signer = authority.issue({ keyType: 'p256' });
      const question = {
        file: put('in.pdf', makePdf()),
        out: join(directory, 'out.pdf'),
        key: key('key', signer),
        chain: pems('chain', signer.chain),
        tsaKey: key('tsa', authority.tsaIdentity),
        tsaChain: pems('tsa', authority.tsaIdentity.chain),
        anchors: pems('anchor', [authority.root.certificate]),
        crls: authority.crls().map((crl, at) => put(`crl-${at}`, crl)),
        lta: long,
      };
      const script = new URL('../support/judges/sign_long_term.py', import.meta.url).pathname;
      const { status, stderr } = await runProgram(`${venv}/bin/python`, [script], { input: JSON.stringify(question) });
      assert.equal(status, 0, stderr);
      return readFileSync(question.out);
    }
  },
);
