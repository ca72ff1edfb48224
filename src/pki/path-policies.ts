import { oids } from '../formats/oids.ts';
import {
  parseCertificatePolicies,
  parseInhibitAnyPolicy,
  parsePolicyConstraints,
  parsePolicyMappings,
} from '../formats/x509-extensions.ts';
import { PolicyGraph } from './policy-graph.ts';
import type { Certificate } from '../formats/x509.ts';
import type { PolicyInputs } from './policy-graph.ts';

/**
 * The policy variables of RFC 5280 §6.1.2 as they change along a path, from the anchor's side. Methods answer with what is wrong, in plain
 * words, or undefined; they throw SealError SEAL-INPUT-INVALID for a malformed extension.
 */
export class PathPolicies {
  readonly #inputs: PolicyInputs;
  readonly #graph = new PolicyGraph();
  #explicitPolicy: number;
  #inhibitAny: number;
  #policyMapping: number;

  /** @param length certificates in the path; a counter that starts beyond it never reaches 0 */
  constructor(inputs: PolicyInputs, length: number) {
    this.#inputs = inputs;
    this.#explicitPolicy = inputs.explicit === true ? 0 : length + 1;
    this.#inhibitAny = inputs.inhibitAny === true ? 0 : length + 1;
    this.#policyMapping = inputs.inhibitMapping === true ? 0 : length + 1;
  }

  /** Policies that hold so far, in the words of the anchor's domain. */
  get valid(): ReadonlySet<string> {
    return this.#graph.isNull ? new Set() : this.#graph.validPolicies(this.#inputs.policies);
  }

  /** §6.1.3 (d) to (f). */
  process(certificate: Certificate, last: boolean): string | undefined {
    const extension = certificate.extensions.get(oids.certificatePolicies);
    if (extension === undefined) this.#graph.clear();
    else {
      const anyAllowed = this.#inhibitAny > 0 || (!last && certificate.selfIssued);
      this.#graph.addPolicies(parseCertificatePolicies(extension.value), anyAllowed);
    }
    return this.#explicitPolicy === 0 && this.#graph.isNull ? 'no certificate policy is valid for the path' : undefined;
  }

  /** §6.1.4 (a), (b): before the name constraints and counters of the certificate. */
  map(certificate: Certificate): string | undefined {
    const extension = certificate.extensions.get(oids.policyMappings);
    if (extension === undefined) return undefined;
    const mappings = parsePolicyMappings(extension.value);
    const any = mappings.some((mapping) => [mapping.issuerDomainPolicy, mapping.subjectDomainPolicy].includes(oids.anyPolicy));
    if (any) return 'it maps anyPolicy';
    this.#graph.map(mappings, this.#policyMapping > 0);
    return undefined;
  }

  /** §6.1.4 (h) to (j). */
  countDown(certificate: Certificate): void {
    if (!certificate.selfIssued) {
      this.#explicitPolicy = Math.max(0, this.#explicitPolicy - 1);
      this.#policyMapping = Math.max(0, this.#policyMapping - 1);
      this.#inhibitAny = Math.max(0, this.#inhibitAny - 1);
    }
    const extension = certificate.extensions.get(oids.policyConstraints);
    if (extension !== undefined) {
      const constraints = parsePolicyConstraints(extension.value);
      this.#explicitPolicy = Math.min(this.#explicitPolicy, constraints.requireExplicitPolicy ?? Infinity);
      this.#policyMapping = Math.min(this.#policyMapping, constraints.inhibitPolicyMapping ?? Infinity);
    }
    const inhibit = certificate.extensions.get(oids.inhibitAnyPolicy);
    if (inhibit !== undefined) this.#inhibitAny = Math.min(this.#inhibitAny, parseInhibitAnyPolicy(inhibit.value));
  }

  /** §6.1.5 (a), (b), (g): for the last certificate. */
  conclude(certificate: Certificate): string | undefined {
    this.#explicitPolicy = Math.max(0, this.#explicitPolicy - 1);
    const extension = certificate.extensions.get(oids.policyConstraints);
    if (extension !== undefined && parsePolicyConstraints(extension.value).requireExplicitPolicy === 0) this.#explicitPolicy = 0;
    return this.#explicitPolicy === 0 && this.valid.size === 0
      ? 'none of the accepted certificate policies is valid for the path'
      : undefined;
  }
}
