import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoff, step, type MachineEvent, type MachineState } from '../../src/batch/machine.ts';
import { table } from '../../src/batch/states.ts';
import { SealError } from '../../src/errors.ts';
import { finalStates, type BatchState } from '../../src/model/batch.ts';

const error = new SealError('SEAL-DISK-FULL', 'full', { hint: 'make room' }).toJSON();
const states = Object.keys(table) as BatchState[];
const done: MachineEvent = { kind: 'result', result: { kind: 'done' } };

test('the table and the set of final states agree', () => {
  for (const state of states) assert.equal(table[state] === 'final', finalStates.has(state), state);
});

test('from claim to delivery: each state is written before the next step runs', () => {
  const seen: string[] = [];
  let { next, commands } = step({ state: 'claiming', attempts: 0 }, { kind: 'start' });
  for (;;) {
    for (const command of commands)
      seen.push(command.kind === 'run' ? command.step : command.kind === 'advance' ? `→${command.to}` : command.kind);
    if (commands.at(-1)?.kind === 'finish') break;
    ({ next, commands } = step(next, done));
  }
  // spool and append write their transition in the transaction of their rows.
  assert.deepEqual(seen, [
    'resumeClaim',
    '→claimed',
    'spool',
    'admit',
    '→admitted',
    'sign',
    '→signed',
    'append',
    'stage',
    '→staged',
    'release',
    '→released',
    'file',
    '→delivered',
    'finish',
  ]);
});

const event: fc.Arbitrary<MachineEvent> = fc.constantFrom<MachineEvent>(
  done,
  { kind: 'result', result: { kind: 'wait', reason: error } },
  { kind: 'result', result: { kind: 'refused', error } },
  { kind: 'fault', error },
  { kind: 'retry' },
  { kind: 'cancel', error },
  { kind: 'expired', error },
);

test('whatever happens: released output is never failed or cancelled, and nothing leaves a final state', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      let current: MachineState = { state: 'claiming', attempts: 0 };
      let released = false;
      for (const happening of events) {
        try {
          current = step(current, happening).next;
        } catch (thrown) {
          assert.ok(thrown instanceof SealError && thrown.code === 'SEAL-BATCH-STATE');
        }
        if (current.state === 'released') released = true;
        if (released) assert.ok(current.state === 'released' || current.state === 'delivered');
      }
    }),
  );
});

test('a wait or a fault changes no state and is tried again, later and later, once a minute at most', () => {
  fc.assert(
    fc.property(fc.constantFrom(...states), fc.nat(100), (state, attempts) => {
      fc.pre(table[state] !== 'final');
      const { next, commands } = step({ state, attempts }, { kind: 'fault', error });
      assert.equal(next.state, state);
      assert.equal(next.attempts, attempts + 1);
      assert.deepEqual(commands, [{ kind: 'wait', reason: error, ms: backoff(attempts) }]);
      assert.ok(backoff(attempts) <= 60_000 && backoff(attempts + 1) >= backoff(attempts));
    }),
  );
});

test('every non-final state leads to an end when its steps succeed', () => {
  for (const state of states) {
    let current: MachineState = { state, attempts: 0 };
    for (let steps = 0; table[current.state] !== 'final'; steps++) {
      assert.ok(steps < 20, state);
      current = step(current, done).next;
    }
  }
});
