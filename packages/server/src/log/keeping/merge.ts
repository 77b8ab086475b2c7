/** What is in a heap. One with a lower number comes earlier. */
interface Ranked {
  readonly rank: number;
}

interface Front<T> extends Ranked {
  readonly source: Iterator<T>;
  item: T;
  rank: number;
}

/**
 * Merges sources that are sorted by sequence number, rising or falling, into one, and yields an item of several of them once.
 * The time for each item grows with the logarithm of the number of sources.
 */
export function* mergeBySeq<T>(
  sources: readonly Iterable<T>[],
  seqOf: (item: T) => number,
  order: 'rising' | 'falling',
): Generator<T, undefined, undefined> {
  const sign = order === 'rising' ? 1 : -1;
  const heap: Front<T>[] = [];
  try {
    for (const each of sources) {
      const source = each[Symbol.iterator]();
      const first = source.next();
      if (first.done !== true) heap.push({ source, item: first.value, rank: sign * seqOf(first.value) });
    }
    for (let index = (heap.length >>> 1) - 1; index >= 0; index -= 1) siftDown(heap, index);
    let given = Number.NEGATIVE_INFINITY;
    for (let [front] = heap; front; [front] = heap) {
      if (front.rank > given) {
        given = front.rank;
        yield front.item;
      }
      advance(heap, front, seqOf, sign);
    }
  } finally {
    // If the reader stops early, the store gets its cursors back.
    for (const { source } of heap) source.return?.();
  }
}

/** Takes the next item of the source in front, or drops the source. */
function advance<T>(heap: Front<T>[], front: Front<T>, seqOf: (item: T) => number, sign: number): void {
  const next = front.source.next();
  if (next.done === true) {
    const last = heap.pop();
    if (last && last !== front) heap[0] = last;
  } else {
    front.item = next.value;
    front.rank = sign * seqOf(next.value);
  }
  siftDown(heap, 0);
}

/** Adds an item to a binary heap. */
export function push<T extends Ranked>(heap: T[], added: T): void {
  let index = heap.length;
  for (;;) {
    const parent = heap[(index - 1) >> 1];
    if (index === 0 || !parent || parent.rank <= added.rank) break;
    heap[index] = parent;
    index = (index - 1) >> 1;
  }
  heap[index] = added;
}

/** Moves an item down a binary heap until none below it comes first. */
export function siftDown(heap: Ranked[], from: number): void {
  const item = heap[from];
  if (!item) return;
  let index = from;
  for (;;) {
    const left = heap[2 * index + 1];
    const right = heap[2 * index + 2];
    const isRight = left !== undefined && right !== undefined && right.rank < left.rank;
    const child = isRight ? right : left;
    if (!child || child.rank >= item.rank) break;
    heap[index] = child;
    index = 2 * index + (isRight ? 2 : 1);
  }
  heap[index] = item;
}
