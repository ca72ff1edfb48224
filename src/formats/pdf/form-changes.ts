import { fieldAt, interactiveForm, widgetsOf, type Field } from './fields.ts';
import { ArrayObject, asDictionary, Dictionary, Stream, type IndirectObject, type Value } from './objects.ts';
import { referencesIn, type Use } from './uses.ts';
import type { Comparison, Kind } from './comparison.ts';

/** What signing an empty field writes into it, and into a widget of it. */
const signing = new Set(['V', 'AP', 'AS', 'M', 'F', 'MK', 'DA']);
/** What filling in any other field does. */
const filling = new Set(['V', 'AP', 'AS', 'M', 'I', 'RV']);
const showing = new Set(['AP', 'AS', 'M']);
/** Scripts and other actions change what is shown; a signature field needs none. */
const actions = ['A', 'AA'];

/** Fields that were added or filled in after a signature, and the lists that name them (ISO 32000-2 §12.7, §12.8.2.2.2 table 257). */
export class FormChanges {
  /** New signature fields that are visible: they may cover what was signed. */
  readonly visibleFields: string[] = [];
  /** New and newly filled signature fields, document timestamps left out. */
  readonly signedFields: string[] = [];
  /** Other fields that were filled in. */
  readonly filledFields: string[] = [];
  readonly #comparison: Comparison;
  /** What the form and the pages may list from now on. */
  readonly #fields = new Set<number>();
  readonly #widgets = new Set<number>();

  constructor(comparison: Comparison) {
    this.#comparison = comparison;
  }

  judge(changed: readonly number[]): void {
    const { before, after } = this.#comparison;
    const fields = new Set(changed.flatMap((number) => fieldAt(after, number) ?? []));
    for (const field of fields) {
      const known = fieldAt(before, field.object.number);
      if (known === undefined) this.#judgeNew(field);
      else if (known.object.number !== field.object.number || known.type !== field.type) continue;
      else if (field.type === 'Sig') this.#judgeSigned(known, field);
      else this.#judgeFilled(known, field, new Set(changed));
    }
    this.#judgeForm();
    for (const number of changed) this.#judgeListing(number);
  }

  #judgeNew(field: Field): void {
    const comparison = this.#comparison;
    if (field.type !== 'Sig' || !comparison.isNew(field.object.number)) return;
    const widgets = widgetsOf(comparison.after, field);
    const parts = [field.object, ...widgets].flatMap((object) => asDictionary(object)?.value ?? []);
    if (parts.some((part) => actions.some((key) => part.get(key) !== undefined)))
      comparison.complain(field.object.number, 'a new signature field runs an action');
    if (widgets.some((widget) => isVisible(comparison, widget))) {
      if (field.value === null) comparison.complain(field.object.number, 'a new signature field shows something and holds no signature');
      this.visibleFields.push(field.name);
    }
    this.#fields.add(field.object.number);
    for (const { number } of widgets) this.#widgets.add(number);
    this.#acceptField(field, kindOf(field));
  }

  #acceptField(field: Field, kind: Kind): void {
    this.#comparison.accept(field.object.number, kind);
    this.#comparison.acceptNew(field.dictionary, kind);
    if (kind === 'signature') this.signedFields.push(field.name);
  }

  /** An empty signature field that was there has been filled. */
  #judgeSigned(known: Field, field: Field): void {
    if (known.value !== null || field.value === null || !this.#changesOnly(known.object, field.object, signing)) return;
    this.#acceptField(field, kindOf(field));
    for (const widget of widgetsOf(this.#comparison.after, field)) this.#judgeWidget(widget, signing, kindOf(field));
  }

  /** Another field has been filled in: its value and what shows it. */
  #judgeFilled(known: Field, field: Field, changed: ReadonlySet<number>): void {
    const comparison = this.#comparison;
    const widgets = widgetsOf(comparison.after, field);
    if (!this.#changesOnly(known.object, field.object, filling)) return;
    comparison.accept(field.object.number, 'form');
    comparison.acceptNew(field.dictionary.get('V') ?? null, 'form');
    const shown = new Set(widgets.map(({ number }) => number));
    for (const widget of widgets) {
      this.#judgeWidget(widget, widget.number === field.object.number ? filling : showing, 'form');
      for (const [{ number }] of referencesIn(asDictionary(widget)?.value.get('AP') ?? null))
        if (changed.has(number) && comparison.after.current(number)?.value instanceof Stream)
          comparison.accept(number, 'form', ({ holder, path }) => shown.has(holder) && path.startsWith('AP'));
    }
    this.filledFields.push(field.name);
  }

  #judgeWidget(widget: IndirectObject, allowed: ReadonlySet<string>, kind: Kind): void {
    const old = this.#comparison.before.current(widget.number);
    if (!old || !this.#changesOnly(old, widget, allowed)) return;
    this.#comparison.accept(widget.number, kind);
    this.#comparison.acceptNew(asDictionary(widget)?.value.get('AP') ?? null, kind);
  }

  #changesOnly(old: IndirectObject, now: IndirectObject, allowed: ReadonlySet<string>): boolean {
    const [was, is] = [asDictionary(old), asDictionary(now)];
    return (
      was !== undefined && is !== undefined && this.#comparison.differingKeys(was.value, was, is.value, is).every((key) => allowed.has(key))
    );
  }

  /** The form may list further signature fields and say that there are signatures. */
  #judgeForm(): void {
    const comparison = this.#comparison;
    const { before, after } = comparison;
    const [old, now] = [interactiveForm(before), interactiveForm(after)];
    if (!now) {
      if (old) comparison.complain(after.catalog.number, 'the form was removed');
      return;
    }
    if (!this.#inPlace(old?.object, now.object, after.catalog))
      comparison.complain(now.object.number, 'the form has taken the place of another object');
    const keys = old
      ? comparison.differingKeys(old.dictionary, old.object, now.dictionary, now.object)
      : [...now.dictionary.entries.keys()];
    const unexplained = keys.filter((key) => key !== 'SigFlags' && key !== 'Fields');
    if (unexplained.length > 0) comparison.complain(now.object.number, `the form was changed (${namesOf(unexplained)})`);
    const [was, is] = [old?.dictionary.get('Fields') ?? null, now.dictionary.get('Fields') ?? null];
    const oldList = old && before.follow(was, old.object).object;
    const list = after.follow(is, now.object).object;
    const fine =
      this.#inPlace(oldList, list, now.object) && comparison.onlyAdds(was, old?.object ?? before.catalog, is, now.object, this.#fields);
    if (!fine) comparison.complain(list.number, 'the form lists other fields than before and signature fields');
    if (!fine || unexplained.length > 0) return;
    if (now.object.number !== after.catalog.number) comparison.accept(now.object.number, 'structure');
    const holders = new Set([now.object.number]);
    if (list.number !== now.object.number)
      comparison.accept(list.number, 'structure', ({ holder, path }) => holders.has(holder) && /^(?:AcroForm\/)?Fields$/.test(path));
  }

  /** Whether an object is where it was, new, or part of the one above it. */
  #inPlace(old: IndirectObject | undefined, now: IndirectObject, above: IndirectObject): boolean {
    return now.number === above.number || this.#comparison.isNew(now.number) || old?.number === now.number;
  }

  /** A page that lists new signature widgets among its annotations, or the array that does. */
  #judgeListing(number: number): void {
    const comparison = this.#comparison;
    if (comparison.kinds.has(number)) return;
    const [old, now] = [comparison.before.current(number), comparison.after.current(number)];
    if (!old || !now) return;
    if (old.value instanceof ArrayObject && now.value instanceof ArrayObject) {
      const grown = old.value.items.length !== now.value.items.length;
      if (grown && comparison.onlyAdds(old.value, old, now.value, now, this.#widgets))
        comparison.accept(number, 'structure', (use) => this.#isAnnotations(use));
    } else if (isPage(old) && this.#changesOnly(old, now, new Set(['Annots'])) && this.#listsMore(old, now))
      comparison.accept(number, 'structure');
  }

  #listsMore(old: IndirectObject, now: IndirectObject): boolean {
    const comparison = this.#comparison;
    const [was, is] = [asDictionary(old)?.value.get('Annots') ?? null, asDictionary(now)?.value.get('Annots') ?? null];
    const [oldList, list] = [comparison.before.follow(was, old).object, comparison.after.follow(is, now).object];
    return this.#inPlace(oldList, list, now) && comparison.onlyAdds(was, old, is, now, this.#widgets);
  }

  #isAnnotations({ holder, path }: Use): boolean {
    return path === 'Annots' && isPage(this.#comparison.after.current(holder));
  }
}

function isPage(object: IndirectObject | undefined): boolean {
  return asDictionary(object)?.value.name('Type') === 'Page';
}

function kindOf({ value }: Field): Kind {
  const signature = value instanceof Dictionary ? value : undefined;
  return signature?.name('Type') === 'DocTimeStamp' || signature?.name('SubFilter') === 'ETSI.RFC3161' ? 'timestamp' : 'signature';
}

/** It has an area and something to show there. */
function isVisible({ after }: Comparison, widget: IndirectObject): boolean {
  const dictionary = asDictionary(widget)?.value;
  if (!dictionary || ['AP', 'MK'].every((key) => after.resolve(dictionary.get(key)) === null)) return false;
  const box = after.resolve(dictionary.get('Rect'));
  const numbers = box instanceof ArrayObject ? box.items.map((item): Value => after.resolve(item)) : [];
  const [left, bottom, right, top] = numbers;
  return numbers.length !== 4 || numbers.some((value) => typeof value !== 'number') || (left !== right && bottom !== top);
}

export function namesOf(keys: readonly string[]): string {
  return keys.map((key) => `/${key}`).join(', ');
}
