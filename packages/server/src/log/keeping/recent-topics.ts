interface Node<T> {
  value: T;
  newer: Node<T> | undefined;
  older: Node<T> | undefined;
}

/** Topics by name, and in the order of their newest events. No change and no page costs more for more topics. */
export class RecentTopics<T extends { readonly topic: string; readonly last: number }> {
  readonly #nodes = new Map<string, Node<T>>();
  #newest: Node<T> | undefined;

  get size(): number {
    return this.#nodes.size;
  }

  get(topic: string): T | undefined {
    return this.#nodes.get(topic)?.value;
  }

  /** The names of all topics, in no particular order. */
  names(): Iterable<string> {
    return this.#nodes.keys();
  }

  /** Returns topics up to a number, the one with the newest event first. */
  newest(limit: number): T[] {
    const found: T[] = [];
    for (let node = this.#newest; node && found.length < limit; node = node.older) found.push(node.value);
    return found;
  }

  /** Puts a topic first: its newest event is the newest of all. */
  putFirst(value: T): void {
    let node = this.#nodes.get(value.topic);
    if (node) {
      this.#unlink(node);
      node.value = value;
    } else {
      node = { value, newer: undefined, older: undefined };
      this.#nodes.set(value.topic, node);
    }
    this.#link(node, undefined, this.#newest);
  }

  /** Changes a topic whose newest events may have been removed, so that other topics may have newer ones now. */
  putBack(value: T): void {
    const node = this.#nodes.get(value.topic);
    if (!node) return;
    if (node.value !== value && node.value.last === value.last) {
      // Its newest event is kept. Times may be out of order if the system's clock was set back.
      node.value = value;
      return;
    }
    let { newer, older } = node;
    this.#unlink(node);
    while (older && older.value.last > value.last) {
      newer = older;
      ({ older } = older);
    }
    node.value = value;
    this.#link(node, newer, older);
  }

  delete(topic: string): void {
    const node = this.#nodes.get(topic);
    if (!node) return;
    this.#nodes.delete(topic);
    this.#unlink(node);
  }

  #link(node: Node<T>, newer: Node<T> | undefined, older: Node<T> | undefined): void {
    node.newer = newer;
    node.older = older;
    if (newer) newer.older = node;
    else this.#newest = node;
    if (older) older.newer = node;
  }

  #unlink({ newer, older }: Node<T>): void {
    if (newer) newer.older = older;
    else this.#newest = older;
    if (older) older.newer = newer;
  }
}
