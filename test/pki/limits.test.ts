import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oid, sequence } from '../../src/formats/der.ts';
import { oids } from '../../src/formats/oids.ts';
import { PolicyGraph } from '../../src/pki/policy-graph.ts';
import { cn, extension, generalName, makeCa, makeCertificate } from '../support/pki.ts';
import { ask, verdict } from './ask.ts';

test('many names under many constraints are refused instead of compared', () => {
  const root = makeCa({ subject: cn('root') });
  const bases = Array.from({ length: 600 }, (_, at) => generalName.dns(`h${at}.example`));
  const ca = makeCa({ subject: cn('ca'), issuer: root, extensions: [extension.nameConstraints(bases)] });
  const leaf = makeCertificate({ issuer: ca, extensions: [extension.subjectAltName(...bases)] });
  const { report } = ask(leaf, { anchors: [root], pool: [ca] });
  assert.match(report.errors.join(), /too many names/);
  const modest = makeCertificate({ issuer: ca, extensions: [extension.subjectAltName(...bases.slice(0, 20))] });
  assert.equal(verdict(modest, { anchors: [root], pool: [ca] }), 'PASSED');
});

test('policy mappings that double at every step stay small (RFC 9618)', () => {
  const graph = new PolicyGraph();
  const policies = ['1.2.1', '1.2.2'];
  const crossed = policies.flatMap((issuerDomainPolicy) =>
    policies.map((subjectDomainPolicy) => ({ issuerDomainPolicy, subjectDomainPolicy })),
  );
  for (let depth = 0; depth < 200; depth++) {
    graph.addPolicies([...policies, oids.anyPolicy], true);
    graph.map(crossed, true);
  }
  assert.equal(graph.isNull, false);
  assert.deepEqual([...graph.validPolicies(undefined)].sort(), [...policies, oids.anyPolicy].sort());
});

test('a policy that stands twice, or maps from anyPolicy, spoils the path', () => {
  const root = makeCa({ subject: cn('root') });
  const policy = (...dotted: string[]) => ({ id: oids.certificatePolicies, value: sequence(...dotted.map((one) => sequence(oid(one)))) });
  const twice = makeCertificate({ issuer: root, extensions: [policy('1.2.3', '1.2.3')] });
  assert.equal(verdict(twice, { anchors: [root] }), 'CERTIFICATE_CHAIN_GENERAL_FAILURE');
  const mapping = { id: oids.policyMappings, value: sequence(sequence(oid(oids.anyPolicy), oid('1.2.3'))) };
  const mapper = makeCa({ subject: cn('mapper'), issuer: root, extensions: [mapping] });
  assert.equal(verdict(makeCertificate({ issuer: mapper }), { anchors: [root], pool: [mapper] }), 'CERTIFICATE_CHAIN_GENERAL_FAILURE');
  const explicit = { policies: { explicit: true, policies: ['1.2.3'] } };
  assert.equal(verdict(makeCertificate({ issuer: root, extensions: [policy('1.2.3')] }), { anchors: [root], ...explicit }), 'PASSED');
  assert.equal(
    verdict(makeCertificate({ issuer: root, extensions: [policy('1.2.4')] }), { anchors: [root], ...explicit }),
    'CERTIFICATE_CHAIN_GENERAL_FAILURE',
  );
  assert.equal(verdict(makeCertificate({ issuer: root }), { anchors: [root], ...explicit }), 'CERTIFICATE_CHAIN_GENERAL_FAILURE');
});
