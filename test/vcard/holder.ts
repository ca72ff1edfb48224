/** Run by test/e2e/pcsc.test.ts: keeps cards, to be killed. Prints the pid of their first process and their directory. */
import { ecCard } from '../e2e/pcsc-house.ts';
import { PcscStack } from '../support/pcsc.ts';

const stack = await PcscStack.start(() => undefined, [ecCard]);
process.stdout.write(JSON.stringify({ pid: stack.pid, directory: stack.directory }));
