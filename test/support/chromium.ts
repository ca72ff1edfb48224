import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { TestContext } from 'node:test';

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** A page in a real browser, over the DevTools pipe; ended with the test. */
export class BrowserPage {
  readonly #child: ChildProcess;
  readonly #out: Writable;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #session: string | undefined;
  #calls = 0;
  /** What the page asked the network for, and what its policy refused or its script threw. */
  readonly requests: string[] = [];
  readonly complaints: string[] = [];

  constructor(child: ChildProcess) {
    this.#child = child;
    const [, , , out, read] = child.stdio as unknown as [unknown, unknown, unknown, Writable, Readable];
    this.#out = out;
    // Written to when the browser has gone already.
    out.on('error', () => undefined);
    let held = '';
    read.setEncoding('utf8').on('data', (text: string) => {
      const messages = (held + text).split('\0');
      held = messages.pop() ?? '';
      for (const message of messages) this.#take(JSON.parse(message) as Message);
    });
  }

  #take({ id, method, params = {}, ...rest }: Message): void {
    if (id !== undefined) this.#waiting.get(id)?.({ id, ...rest });
    if (method === 'Network.requestWillBeSent') this.requests.push((params['request'] as { readonly url: string }).url);
    if (method === 'Log.entryAdded') this.complaints.push((params['entry'] as { readonly text: string }).text);
    if (method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(params));
  }

  async call(method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#calls;
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    const answer = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    this.#out.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    const { result, error } = await answer;
    this.#waiting.delete(id);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  async open(url: string): Promise<void> {
    if (this.#session === undefined) {
      const { targetId } = await this.call('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
      this.#session = String(sessionId);
      for (const domain of ['Network', 'Log', 'Runtime', 'Page', 'DOM']) await this.call(`${domain}.enable`);
    }
    await this.call('Page.navigate', { url });
    await this.until(`document.readyState === 'complete' && location.href === ${JSON.stringify(url)}`);
  }

  /** Value of an expression in the page. */
  async value(expression: string): Promise<unknown> {
    const { result } = await this.call('Runtime.evaluate', { expression, returnByValue: true });
    return (result as { readonly value?: unknown }).value;
  }

  /** Waits for what stays true once it is. */
  async until(expression: string): Promise<void> {
    while ((await this.value(expression)) !== true) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** Chooses files as a person does. */
  async choose(selector: string, files: readonly string[]): Promise<void> {
    const { root } = await this.call('DOM.getDocument');
    const { nodeId } = await this.call('DOM.querySelector', { nodeId: (root as { readonly nodeId: number }).nodeId, selector });
    await this.call('DOM.setFileInputFiles', { nodeId, files });
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** Chromium without a window. */
export function chromiumPage(t: TestContext): BrowserPage {
  const home = mkdtempSync(join(tmpdir(), 'sealtree-chromium-'));
  const args = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--disable-background-networking',
    '--remote-debugging-pipe',
  ];
  const child = spawn('/usr/bin/chromium', [...args, `--user-data-dir=${home}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, HOME: home },
  });
  const page = new BrowserPage(child);
  t.after(async () => {
    await page.close();
    // Its children end with their pipe; the last of them may still write.
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });
  return page;
}
