import { printable } from './words.ts';

/** Text that is safe between tags and in quoted attributes; what could redraw a page is shown as an escape. Hostile input. */
export function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return printable(text).replace(/[&<>"']/g, (mark) => entities[mark] ?? mark);
}

/** An element whose content is markup already. */
export function element(tag: string, content: string, className?: string): string {
  return `<${tag}${className === undefined ? '' : ` class="${className}"`}>${content}</${tag}>`;
}

/** A list of plain lines; nothing for none. */
export function list(lines: readonly string[], className: string): string {
  return lines.length === 0 ? '' : element('ul', lines.map((line) => element('li', escaped(line))).join(''), className);
}

/** Rows of a table of facts; rows without a value are left out. */
export function facts(rows: readonly (readonly [string, string | undefined])[]): string {
  const cells = rows.flatMap(([name, value]) =>
    value === undefined ? [] : [`<tr><th>${escaped(name)}</th><td>${escaped(value)}</td></tr>`],
  );
  return element('table', cells.join(''));
}
