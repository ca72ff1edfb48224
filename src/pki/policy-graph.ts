import { oids } from '../formats/oids.ts';
import type { PolicyMapping } from '../formats/x509-extensions.ts';

/** Initial settings of RFC 5280 §6.1.1 (c), (e), (f), (g). */
export interface PolicyInputs {
  /** Dotted; absent: any-policy. */
  readonly policies?: readonly string[];
  readonly explicit?: boolean;
  readonly inhibitMapping?: boolean;
  readonly inhibitAny?: boolean;
}

/** A node of the valid_policy_graph (RFC 9618 §4). */
interface Node {
  readonly policy: string;
  expected: ReadonlySet<string>;
  /** At the depth above; the only node of depth 0 has none. */
  readonly parents: ReadonlySet<Node>;
}

type Level = Map<string, Node>;

/**
 * valid_policy_graph of RFC 9618, which replaces the tree of RFC 5280 §6.1.2 (a): one node per policy and depth, so that
 * hostile certificates cannot make it grow exponentially. Empty once no policy is valid any more.
 */
export class PolicyGraph {
  #levels: Level[] = [new Map([[oids.anyPolicy, { policy: oids.anyPolicy, expected: new Set([oids.anyPolicy]), parents: new Set() }]])];

  get isNull(): boolean {
    return this.#levels.length === 0;
  }

  /** §6.1.3 (e): a certificate without policies ends every policy. */
  clear(): void {
    this.#levels = [];
  }

  /** §6.1.3 (d). @param anyAllowed whether anyPolicy in this certificate still counts */
  addPolicies(policies: readonly string[], anyAllowed: boolean): void {
    const above = this.#levels.at(-1);
    if (above === undefined) return;
    const expecting = byExpectedPolicy(above);
    const level: Level = new Map();
    for (const policy of policies) {
      if (policy === oids.anyPolicy) continue;
      const any = above.get(oids.anyPolicy);
      const parents = expecting.get(policy) ?? (any === undefined ? [] : [any]);
      if (parents.length > 0) level.set(policy, { policy, expected: new Set([policy]), parents: new Set(parents) });
    }
    if (policies.includes(oids.anyPolicy) && anyAllowed)
      for (const [policy, parents] of expecting)
        if (!level.has(policy)) level.set(policy, { policy, expected: new Set([policy]), parents: new Set(parents) });
    this.#levels.push(level);
    this.#prune();
  }

  /** §6.1.4 (b). @param allowed policy_mapping > 0 */
  map(mappings: readonly PolicyMapping[], allowed: boolean): void {
    const level = this.#levels.at(-1);
    if (level === undefined) return;
    for (const [issuerPolicy, subjectPolicies] of groupMappings(mappings)) {
      if (!allowed) level.delete(issuerPolicy);
      else this.#mapOne(level, issuerPolicy, subjectPolicies);
    }
    this.#prune();
  }

  #mapOne(level: Level, issuerPolicy: string, subjectPolicies: ReadonlySet<string>): void {
    const node = level.get(issuerPolicy);
    if (node !== undefined) {
      node.expected = subjectPolicies;
      return;
    }
    const anyAbove = this.#levels.at(-2)?.get(oids.anyPolicy);
    if (level.has(oids.anyPolicy) && anyAbove !== undefined)
      level.set(issuerPolicy, { policy: issuerPolicy, expected: subjectPolicies, parents: new Set([anyAbove]) });
  }

  /** §6.1.3 (d) (3): what leads to no node of the last depth goes. */
  #prune(): void {
    for (let depth = this.#levels.length - 1; depth > 0; depth--) {
      const used = new Set([...(this.#levels[depth]?.values() ?? [])].flatMap(({ parents }) => [...parents]));
      const above = this.#levels[depth - 1];
      if (above === undefined) continue;
      for (const node of above.values()) if (!used.has(node)) above.delete(node.policy);
    }
    if (this.#levels[0]?.size === 0) this.#levels = [];
  }

  /**
   * §6.1.5 (g): the policies that hold for the whole path, in the words of the trust anchor's domain.
   * @param initial user-initial-policy-set; absent: any-policy
   */
  validPolicies(initial: readonly string[] | undefined): Set<string> {
    const authority = new Set<string>();
    for (const level of this.#levels.slice(1))
      for (const { policy, parents } of level.values())
        if (policy !== oids.anyPolicy && [...parents].some((parent) => parent.policy === oids.anyPolicy)) authority.add(policy);
    const any = this.#levels.at(-1)?.has(oids.anyPolicy) === true;
    if (initial === undefined || initial.includes(oids.anyPolicy)) return any ? authority.add(oids.anyPolicy) : authority;
    return new Set(initial.filter((policy) => any || authority.has(policy)));
  }
}

function byExpectedPolicy(level: Level): Map<string, Node[]> {
  const found = new Map<string, Node[]>();
  for (const node of level.values())
    for (const policy of node.expected) {
      const known = found.get(policy);
      if (known) known.push(node);
      else found.set(policy, [node]);
    }
  return found;
}

function groupMappings(mappings: readonly PolicyMapping[]): Map<string, Set<string>> {
  const groups = new Map<string, Set<string>>();
  for (const { issuerDomainPolicy, subjectDomainPolicy } of mappings) {
    const known = groups.get(issuerDomainPolicy);
    if (known) known.add(subjectDomainPolicy);
    else groups.set(issuerDomainPolicy, new Set([subjectDomainPolicy]));
  }
  return groups;
}
