import { displayName } from '../formats/names.ts';

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text as markup, its own marks made harmless. */
export function marked(text: string): string {
  return text.replace(/[&<>"']/g, (mark) => entities[mark] ?? mark);
}

/** Hostile input: names, subjects and messages come from documents and certificates. What could redraw a page is shown as an escape. */
export function escaped(text: string): string {
  return marked(displayName(text));
}

/** An element whose content is markup already. */
export function element(tag: string, content: string, className?: string): string {
  return `<${tag}${className === undefined ? '' : ` class="${className}"`}>${content}</${tag}>`;
}
