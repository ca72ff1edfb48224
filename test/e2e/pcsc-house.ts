import { testAuthority } from '../support/authority.ts';
import { PcscStack, type VirtualCard } from '../support/pcsc.ts';
import { CardHouse, type CardSettings } from './card-house.ts';
import type { TestContext } from 'node:test';

const authority = testAuthority();

export const rsaCard: VirtualCard = {
  name: 'RSA card',
  mass: authority.issue({ keyType: 'rsa2048', subject: 'RSA card' }),
  individual: authority.issue({ keyType: 'rsa2048', keyName: 'second', subject: 'RSA card, individual' }),
};
export const ecCard: VirtualCard = {
  name: 'P-256 card',
  mass: authority.issue({ subject: 'P-256 card' }),
  individual: authority.issue({ subject: 'P-256 card, individual' }),
};

/** Cards that end with the test. */
export async function insert(t: TestContext, ...cards: VirtualCard[]): Promise<PcscStack> {
  return await PcscStack.start((end) => {
    t.after(end);
  }, cards);
}

/** A house that ends with the test. */
export function houseOf(t: TestContext, settings: CardSettings): CardHouse {
  const house = new CardHouse(authority, settings);
  t.after(() => house.remove());
  return house;
}

/** What the configuration says of a key on a card. @param id 01: PIN once, 02: PIN for each signature */
export function keyOf(stack: PcscStack, card: number, id: '01' | '02' = '01'): Record<string, unknown> {
  return {
    source: 'pkcs11',
    module: stack.module,
    environment: stack.environment,
    token: { serial: stack.serial(card) },
    key: { id },
    chain: ['./issuing.pem'],
  };
}
