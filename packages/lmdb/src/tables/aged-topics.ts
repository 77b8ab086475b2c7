import type { LogRetention, TopicRetention } from '@tidings/server/log';

/** A topic, and where its oldest event is. */
export interface AgedTopic {
  readonly topic: string;
  /** The sequence number of its oldest event, or a lower one. */
  readonly seq: number;
}

interface Node extends AgedTopic {
  seq: number;
  /** Its place in the heap. */
  at: number;
}

/**
 * The topics whose events are kept for a time of their own: for each rule in the order of their oldest events. So those that have events that are too
 * old come first, and no other topic is looked at, nor any event of another topic.
 */
export class AgedTopics {
  readonly #heaps: ReadonlyMap<TopicRetention, Heap>;
  readonly #of = new Map<string, Heap>();

  constructor({ perTopic = [] }: LogRetention) {
    const aged = perTopic.filter(({ maxAgeMs }) => maxAgeMs !== undefined);
    this.#heaps = new Map(aged.map((bounds) => [bounds, new Heap()]));
  }

  /** The rules that bound the age of topics. */
  get rules(): Iterable<TopicRetention> {
    return this.#heaps.keys();
  }

  /** The topic of a rule that may have the oldest event. */
  first(rule: TopicRetention): AgedTopic | undefined {
    return this.#heaps.get(rule)?.first;
  }

  /** Adds a topic, if its rule bounds the age of its events. */
  add(rule: TopicRetention, topic: string, seq: number): void {
    const heap = this.#heaps.get(rule);
    if (!heap) return;
    this.#of.set(topic, heap);
    heap.put(topic, seq);
  }

  /** Notes where the oldest event of a topic is. */
  move(topic: string, seq: number): void {
    this.#of.get(topic)?.put(topic, seq);
  }

  delete(topic: string): void {
    this.#of.get(topic)?.delete(topic);
    this.#of.delete(topic);
  }
}

/** A binary heap of topics: none below another one has a lower sequence number. */
class Heap {
  readonly #nodes: Node[] = [];
  readonly #byTopic = new Map<string, Node>();

  get first(): AgedTopic | undefined {
    return this.#nodes[0];
  }

  put(topic: string, seq: number): void {
    let node = this.#byTopic.get(topic);
    if (node) {
      node.seq = seq;
    } else {
      node = { topic, seq, at: this.#nodes.length };
      this.#byTopic.set(topic, node);
      this.#nodes.push(node);
    }
    this.#settle(node);
  }

  delete(topic: string): void {
    const node = this.#byTopic.get(topic);
    const last = node && this.#nodes.pop();
    if (!node || !last) return;
    this.#byTopic.delete(topic);
    if (node === last) return;
    this.#place(last, node.at);
    this.#settle(last);
  }

  #settle(node: Node): void {
    for (;;) {
      const parent = this.#nodes[(node.at - 1) >> 1];
      if (node.at === 0 || !parent || parent.seq <= node.seq) break;
      const { at } = parent;
      this.#place(parent, node.at);
      this.#place(node, at);
    }
    for (;;) {
      const left = this.#nodes[2 * node.at + 1];
      const right = this.#nodes[2 * node.at + 2];
      const child = right && left && right.seq < left.seq ? right : left;
      if (!child || child.seq >= node.seq) break;
      const { at } = child;
      this.#place(child, node.at);
      this.#place(node, at);
    }
  }

  #place(node: Node, at: number): void {
    node.at = at;
    this.#nodes[at] = node;
  }
}
