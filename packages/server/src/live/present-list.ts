/** A listener, as others may be told of it. */
export interface Present {
  /** Its place in the order in which listeners came. Each has another one. */
  readonly number: number;
  /** The subject of its rights, if they name one. */
  readonly subject: string | undefined;
  /** When it came, by the clock's `now`. */
  readonly since: number;
}

/**
 * Listeners in the order of their numbers. One is added or deleted in constant time, as listeners come and go, and those behind a number are found without a walk.
 * Each takes 8 to 16 bytes, and a list of one takes 50.
 */
export class PresentList {
  /** The only one, before there ever were two: very many lists have one. */
  #only: Present | undefined;
  /** In the place of one that has left stands its number, until half of them have left. */
  #list: (Present | number)[] | undefined;
  #left = 0;

  get size(): number {
    if (this.#list) return this.#list.length - this.#left;
    return this.#only ? 1 : 0;
  }

  /** Returns whether it is new: one that the list has already is not added. */
  add(present: Present): boolean {
    if (present === this.#only) return false;
    if (!this.#list && !this.#only) {
      this.#only = present;
      return true;
    }
    this.#list ??= this.#only ? [this.#only] : [];
    this.#only = undefined;
    const at = placeIn(this.#list, present.number);
    const found = this.#list[at];
    if (found === present) return false;
    if (found === undefined) this.#list.push(present);
    else if (numberOf(found) !== present.number) this.#list.splice(at, 0, present);
    else {
      this.#list[at] = present;
      this.#left -= 1;
    }
    return true;
  }

  /** Does nothing for one that it has not. */
  delete(present: Present): void {
    if (present === this.#only) this.#only = undefined;
    if (!this.#list) return;
    const at = placeIn(this.#list, present.number);
    if (this.#list[at] !== present) return;
    this.#list[at] = present.number;
    this.#left += 1;
    if (2 * this.#left <= this.#list.length) return;
    this.#list = this.#list.filter((each) => typeof each !== 'number');
    this.#left = 0;
  }

  /** Adds to an array those with numbers behind `after` and up to `through`, at most `limit` of them. */
  copy(after: number, through: number, limit: number, to: Present[]): void {
    const list = this.#list ?? (this.#only ? [this.#only] : []);
    const end = to.length + limit;
    for (let at = placeIn(list, after + 1); at < list.length && to.length < end; at += 1) {
      const each = list[at];
      if (typeof each !== 'object') continue;
      if (each.number > through) return;
      to.push(each);
    }
  }
}

/** The index of the first whose number is this one or a greater one. */
function placeIn(list: readonly (Present | number)[], number: number): number {
  let [from, to] = [0, list.length];
  // The one that comes is nearly always the newest.
  if (to > 0 && numberOf(list[to - 1] ?? 0) < number) return to;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (numberOf(list[middle] ?? 0) < number) from = middle + 1;
    else to = middle;
  }
  return from;
}

function numberOf(each: Present | number): number {
  return typeof each === 'number' ? each : each.number;
}
