/** Returns the first names after one, up to a number, in the order of their UTF-8 bytes. */
export function firstNames(names: Iterable<string>, after: string | undefined, limit: number): string[] {
  let found: string[] = [];
  let bound: string | undefined;
  for (const name of names) {
    if (after !== undefined && compareBytes(name, after) <= 0) continue;
    if (bound !== undefined && compareBytes(name, bound) >= 0) continue;
    found.push(name);
    // Sorting now and then bounds the memory, and names after those already found are not sorted.
    if (found.length < 2 * limit) continue;
    found = found.toSorted(compareBytes).slice(0, limit);
    bound = found.at(-1);
  }
  return found.toSorted(compareBytes).slice(0, limit);
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
