import type { TrackNamespace } from '@higgins/protocol';

/** Values by Track Namespace, found by prefix in either direction in time that grows with the fields, not the values. */
export class NamespaceTree<Value> {
  readonly #root: Node<Value> = newNode();

  add(namespace: TrackNamespace, value: Value): void {
    let node = this.#root;
    for (const field of namespace.fields) {
      const key = textOf(field);
      let child = node.children.get(key);
      if (child === undefined) {
        child = newNode();
        node.children.set(key, child);
      }
      node = child;
    }
    node.values.add(value);
  }

  /** Removes the value and every branch that is empty without it. */
  remove(namespace: TrackNamespace, value: Value): void {
    const path: Node<Value>[] = [this.#root];
    for (const field of namespace.fields) {
      const child = path.at(-1)!.children.get(textOf(field));
      if (child === undefined) return;
      path.push(child);
    }
    path.at(-1)!.values.delete(value);
    for (let depth = path.length - 1; depth > 0; depth--) {
      const node = path[depth]!;
      if (node.values.size > 0 || node.children.size > 0) return;
      path[depth - 1]!.children.delete(textOf(namespace.fields[depth - 1]!));
    }
  }

  /** The values whose namespace is a prefix of `namespace`, itself included. */
  *prefixesOf(namespace: TrackNamespace): Generator<Value> {
    let node: Node<Value> | undefined = this.#root;
    yield* node.values;
    for (const field of namespace.fields) {
      node = node.children.get(textOf(field));
      if (node === undefined) return;
      yield* node.values;
    }
  }

  /** The values whose namespace starts with `prefix`, itself included. */
  *startingWith(prefix: TrackNamespace): Generator<Value> {
    let node: Node<Value> | undefined = this.#root;
    for (const field of prefix.fields) {
      node = node.children.get(textOf(field));
      if (node === undefined) return;
    }
    yield* valuesBelow(node);
  }
}

interface Node<Value> {
  readonly children: Map<string, Node<Value>>;
  readonly values: Set<Value>;
}

function newNode<Value>(): Node<Value> {
  return { children: new Map(), values: new Set() };
}

function* valuesBelow<Value>(node: Node<Value>): Generator<Value> {
  yield* node.values;
  for (const child of node.children.values()) yield* valuesBelow(child);
}

function textOf(field: Uint8Array): string {
  let text = '';
  for (const byte of field) text += String.fromCharCode(byte);
  return text;
}
