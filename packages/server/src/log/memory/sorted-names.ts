// A list of names is cut in two when it has this many: long enough that there are few, short enough to put one in between cheaply.
const MAX_LIST = 512;

/** Names in the order of their UTF-8 bytes. No change and no page costs noticeably more for more names. */
export class SortedNames {
  /** Each is sorted, and before the next. None is empty. */
  readonly #lists: string[][] = [];

  add(name: string): void {
    const at = this.#listOf(name);
    const list = this.#lists[at];
    if (!list) {
      this.#lists.push([name]);
      return;
    }
    const index = indexOf(list, name);
    if (list[index] === name) return;
    list.splice(index, 0, name);
    if (list.length > MAX_LIST) this.#lists.splice(at + 1, 0, list.splice(MAX_LIST / 2));
  }

  delete(name: string): void {
    const at = this.#listOf(name);
    const list = this.#lists[at];
    const index = list ? indexOf(list, name) : -1;
    if (!list || list[index] !== name) return;
    list.splice(index, 1);
    if (list.length === 0) this.#lists.splice(at, 1);
  }

  /** At most `limit` names, from the first one behind another. */
  page(after: string | undefined, limit: number): string[] {
    const names: string[] = [];
    let at = after === undefined ? 0 : this.#listOf(after);
    const first = this.#lists[at];
    let from = after === undefined || !first ? 0 : indexOf(first, after);
    if (first?.[from] === after) from += 1;
    for (; names.length < limit && at < this.#lists.length; at += 1) {
      names.push(...(this.#lists[at] ?? []).slice(from, from + limit - names.length));
      from = 0;
    }
    return names;
  }

  /** The index of the list in which a name has its place: of the last one that does not begin behind it. */
  #listOf(name: string): number {
    let low = 0;
    let high = this.#lists.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(this.#lists[middle]?.[0] ?? '', name) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** The index of a name in a sorted list, or of the first one behind it. */
function indexOf(list: readonly string[], name: string): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(list[middle] ?? '', name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Compares as the bytes of their UTF-8 do: as code points, which differs from JavaScript's own order behind U+D7FF. */
function compareBytes(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index += 1) {
    const a = one.charCodeAt(index);
    const b = other.charCodeAt(index);
    if (a !== b) return rank(a) - rank(b);
  }
  return one.length - other.length;
}

/** Halves of surrogate pairs stand for code points above all that have one unit. */
function rank(unit: number): number {
  return unit >= 0xd8_00 && unit <= 0xdf_ff ? unit + 0x1_00_00 : unit;
}
