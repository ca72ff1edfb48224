import { hex } from './record.ts';
import { sha2 } from './sha2.ts';
import { walkRecord, type KnownObject, type Walk } from './walk.ts';

/** What the page needs of a browser. */
export interface PageElement {
  textContent: string | null;
  className: string;
  readonly files?: Iterable<PageFile> | null;
  append(...children: readonly PageElement[]): void;
  addEventListener(type: string, listener: (event: PageEvent) => void): void;
}

export interface PageEvent {
  preventDefault(): void;
  readonly dataTransfer?: { readonly files: Iterable<PageFile> } | null;
}

export interface PageFile {
  readonly name: string;
  readonly size: number;
  slice(from: number, to: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

export interface Page {
  getElementById(id: string): PageElement | null;
  createElement(tag: string): PageElement;
  addEventListener(type: string, listener: (event: PageEvent) => void): void;
}

/** What the page carries: records in base64, and what they are about. */
export interface PageData {
  readonly records: readonly string[];
  readonly objects: readonly KnownObject[];
  /** SHA-256 of the files of the bundle, by name. */
  readonly files: Readonly<Record<string, string>>;
}

/** What a chosen file is. */
export interface Compared {
  readonly good: boolean;
  readonly text: string;
  /** Which object it is. */
  readonly object?: number;
}

/** Begins when the page is there: all hashes are computed again, then files may be compared. */
export function startPage(page: Page): void {
  const data = JSON.parse(page.getElementById('data')?.textContent ?? '{}') as PageData;
  const objects = [...data.objects];
  const seen: Compared[] = [];
  const refresh = (): void => {
    try {
      const records = data.records.map((record) => walkRecord(fromBase64(record), objects));
      const printed = records.flatMap((walks, r) => walks.map((walk, s) => markWalk(page, walk, `${r}-${s}`)));
      showVerdict(page, { walks: records.flat(), printed: !printed.includes(false), objects, seen });
    } catch (thrown) {
      mark(page, 'verdict', false, `The record cannot be read: ${String(thrown)}`);
    }
  };
  const take = async (files: Iterable<PageFile>): Promise<void> => {
    for (const file of files) {
      const line = page.createElement('li');
      page.getElementById('compared')?.append(line);
      const compared = await compareFile(file, data, objects, (text) => (line.textContent = text));
      line.textContent = `${compared.good ? '✓' : '✗'} ${compared.text}`;
      line.className = compared.good ? 'good' : 'bad';
      seen.push(compared);
      refresh();
    }
  };
  page.getElementById('files')?.addEventListener('change', () => void take(page.getElementById('files')?.files ?? []));
  page.addEventListener('dragover', (event) => {
    event.preventDefault();
  });
  page.addEventListener('drop', (event) => {
    event.preventDefault();
    void take(event.dataTransfer?.files ?? []);
  });
  refresh();
}

export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (mark) => mark.charCodeAt(0));
}

/** Puts a mark and words into an element, and its colour. */
export function mark(page: Page, id: string, good: boolean | undefined, text = ''): void {
  const element = page.getElementById(id);
  if (element === null) return;
  element.className = good === undefined ? 'open' : good ? 'good' : 'bad';
  element.textContent = `${good === undefined ? '?' : good ? '✓' : '✗'} ${text}`.trim();
}

/** Marks every line of the way to a timestamp. @returns whether what is printed there is what was computed here */
export function markWalk(page: Page, { beginnings, steps, words, reaches, later }: Walk, id: string): boolean {
  let all = true;
  const printed = (name: string, value = ''): boolean => {
    const same = page.getElementById(name)?.textContent === value;
    all &&= same;
    return same;
  };
  beginnings.forEach(({ hash, fits }, n) => {
    const same = hash === undefined || printed(`bh-${id}-${n}`, hash);
    mark(page, `b-${id}-${n}`, fits === undefined ? undefined : fits && same);
  });
  steps.forEach(({ result }, n) => {
    mark(page, `s-${id}-${n}`, printed(`sh-${id}-${n}`, result));
  });
  mark(page, `t-${id}`, printed(`th-${id}`, words.imprint) && reaches && later);
  return all;
}

/** What the verdict is made from. */
export interface Findings {
  readonly walks: readonly Walk[];
  /** The page shows what was computed. */
  readonly printed: boolean;
  readonly objects: readonly KnownObject[];
  readonly seen: readonly Compared[];
}

/** The first thing that people read. */
export function showVerdict(page: Page, { walks, printed, objects, seen }: Findings): void {
  const fits = ({ reaches, later, beginnings }: Walk): boolean => reaches && later && beginnings.every((one) => one.fits !== false);
  const unknown = walks.some(({ beginnings }) => beginnings.some((one) => one.fits === undefined));
  const strange = seen.find(({ good }) => !good);
  const found = objects.filter((_, n) => seen.some(({ object }) => object === n)).map(({ name }) => name);
  if (!printed || walks.length === 0 || !walks.every(fits))
    mark(page, 'verdict', false, 'The hashes do not fit: this proof was changed, or is not whole.');
  else if (strange !== undefined) mark(page, 'verdict', false, strange.text);
  else if (found.length > 0 && !unknown)
    mark(page, 'verdict', true, `${found.join(' and ')}: unchanged since ${walks[0]?.words.time ?? ''}, as the timestamp says.`);
  else mark(page, 'verdict', true, 'The hashes hold. Now choose the document below: is it the one that is proven?');
}

/** Hashes a chosen file, however large, and says what it is. */
export async function compareFile(
  file: PageFile,
  data: PageData,
  objects: KnownObject[],
  progress: (text: string) => void,
): Promise<Compared> {
  const bits = ([256, 384, 512] as const).filter((one) => one === 256 || data.objects.some(({ digests }) => one in digests));
  const hashers = bits.map((one) => sha2(one));
  const piece = 2 ** 21;
  for (let at = 0; at < file.size; at += piece) {
    const bytes = new Uint8Array(await file.slice(at, at + piece).arrayBuffer());
    for (const hasher of hashers) hasher.update(bytes);
    progress(`${file.name}: ${Math.floor((100 * Math.min(at + piece, file.size)) / file.size)} %`);
  }
  const digests = Object.fromEntries(bits.map((one, n) => [one, hex(hashers[n]?.digest() ?? new Uint8Array())]));
  const object = objects.findIndex((known) => bits.some((one) => known.digests[one] !== undefined && known.digests[one] === digests[one]));
  const name = objects[object]?.name;
  if (name !== undefined) {
    objects[object] = { name, digests };
    return { good: true, object, text: `${file.name} is ${name === file.name ? 'the one that is proven' : `“${name}”, which is proven`}` };
  }
  const own = Object.entries(data.files).find(([, sha256]) => sha256 === digests[256]);
  if (own !== undefined) return { good: true, text: `${file.name} is ${own[0]} of this proof, unchanged` };
  const same = objects.some((known) => known.name === file.name) || Object.keys(data.files).some((path) => path.endsWith(`/${file.name}`));
  return {
    good: false,
    text: `${file.name} ${same ? 'was changed: it is not what is proven' : 'is not what is proven here'} (SHA-256 ${digests[256] ?? ''})`,
  };
}
