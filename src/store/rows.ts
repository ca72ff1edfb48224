type Absent<T> = { [K in keyof T]: undefined extends T[K] ? K : null extends T[K] ? K : never }[keyof T];
type Present<T> = { [K in Exclude<keyof T, Absent<T>>]: T[K] } & { [K in Absent<T>]?: NonNullable<T[K]> };

/** The fields without those that are NULL in the database or undefined: the model's optional fields are absent, never undefined. */
export function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)) as Present<T>;
}

/** JSON for a column; undefined becomes NULL. */
export function toJson(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** Value of a JSON column that this store wrote; undefined for NULL. */
export function fromJson(text: string | null): unknown {
  return text === null ? undefined : JSON.parse(text);
}
