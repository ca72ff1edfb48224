import type { ApprovedDirectory, NearMiss } from '../ports/watching.ts';

/** What is held for a directory that is watched: 100,000 of them are normal, so only what the scan needs. */
export interface DirectoryNode {
  /** latin1 of the name's bytes; empty for incoming itself. */
  readonly name: string;
  readonly parent: DirectoryNode | undefined;
  children: Map<string, DirectoryNode> | undefined;
  /** Of the directory when it was read last; -1: read it at the next look. */
  mtime: number;
  inode: number;
  /** Monotonic ms (whole: a fraction costs memory) when this mtime was seen first; 0 once a change within the same tick of the file system's clock is out of the question. */
  seenAt: number;
  watcher: { close(): void } | undefined;
  /** latin1 of the semaphore's name; empty where none is needed; undefined: not approved. */
  semaphore: string | undefined;
  /** Taken out of the tree; whoever still holds it lets go. */
  gone: boolean;
}

function newNode(name: string, parent?: DirectoryNode): DirectoryNode {
  return {
    name,
    parent,
    children: undefined,
    mtime: -1,
    inode: 0,
    seenAt: 0,
    watcher: undefined,
    semaphore: undefined,
    gone: false,
  };
}

/** Path below incoming, latin1. */
export function relativePath(node: DirectoryNode): string {
  const { parent } = node;
  if (parent === undefined) return '';
  return parent.parent === undefined ? node.name : `${relativePath(parent)}/${node.name}`;
}

export function approvedOf(node: DirectoryNode): ApprovedDirectory {
  return { relPath: Buffer.from(relativePath(node), 'latin1'), semaphore: Buffer.from(node.semaphore ?? '', 'latin1') };
}

/** The directories of one incoming tree, and which of them are approved, nearly approved or cannot be read. */
export class DirectoryTree {
  readonly root: DirectoryNode = newNode('');
  readonly approved = new Set<DirectoryNode>();
  readonly nearMisses = new Map<DirectoryNode, NearMiss[]>();
  readonly unreadable = new Map<DirectoryNode, string>();
  #size = 0;

  /** Directories below incoming. */
  get size(): number {
    return this.#size;
  }

  /** A new child; undefined when it is known already. */
  add(parent: DirectoryNode, name: string): DirectoryNode | undefined {
    if (parent.gone || parent.children?.has(name) === true) return undefined;
    const child = newNode(name, parent);
    parent.children ??= new Map();
    parent.children.set(name, child);
    this.#size++;
    return child;
  }

  /** A batch owns its tree: nothing below it is held. False when it was approved by this semaphore before. */
  approve(node: DirectoryNode, semaphore: string): boolean {
    this.nearMisses.delete(node);
    this.forgetBelow(node);
    if (node.semaphore === semaphore) return false;
    node.semaphore = semaphore;
    this.approved.add(node);
    return true;
  }

  withdraw(node: DirectoryNode): void {
    node.semaphore = undefined;
    this.approved.delete(node);
  }

  forget(node: DirectoryNode): void {
    this.forgetBelow(node);
    if (node.parent === undefined) return;
    this.#release(node);
    node.parent.children?.delete(node.name);
  }

  forgetBelow(node: DirectoryNode): void {
    if (node.children === undefined) return;
    for (const below of this.nodes(node)) if (below !== node) this.#release(below);
    node.children = undefined;
  }

  /** A node and everything below it, parents first. */
  *nodes(from: DirectoryNode = this.root): Generator<DirectoryNode, void> {
    const stack = [from];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      yield next;
      for (const child of next.children?.values() ?? []) stack.push(child);
    }
  }

  unwatch(node: DirectoryNode): void {
    node.watcher?.close();
    node.watcher = undefined;
  }

  #release(node: DirectoryNode): void {
    this.unwatch(node);
    this.#size--;
    node.gone = true;
    this.approved.delete(node);
    this.nearMisses.delete(node);
    this.unreadable.delete(node);
  }
}
