// Counts what a decoder makes the engine go through, so that a test can bound it without a clock. Imported before the decoder, because
// that one keeps some of these functions for itself.

let isCounting = false;
let work = 0;
let newest: unknown;

/**
 * The calls that a function makes of what searches, cuts, copies and decodes text and bytes, plus the characters and bytes that these
 * calls go through.
 */
export function workOf(run: () => void): number {
  work = 0;
  newest = undefined;
  isCounting = true;
  try {
    run();
  } finally {
    isCounting = false;
  }
  return work;
}

interface Sequence {
  readonly length: number;
}
type Cost = (self: Sequence, args: readonly unknown[], result: unknown) => number;

function count(owner: object, name: string, cost: Cost): void {
  const original = Reflect.get(owner, name) as (...args: unknown[]) => unknown;
  function counted(this: Sequence, ...args: unknown[]): unknown {
    const result: unknown = Reflect.apply(original, this, args);
    if (isCounting) work += 1 + cost(this, args, result);
    return result;
  }
  Object.defineProperty(owner, name, { value: counted, configurable: true, writable: true });
}

/** The first search of a text goes through all of it, where it was joined from pieces and has to be copied before. */
function firstSearch(text: unknown): number {
  if (text === newest) return 0;
  newest = text;
  return lengthOf(text);
}

/** From where a search began to where it ended. */
const searched: Cost = ({ length }, [, from = 0], result) => (result === -1 ? length : Number(result)) - Number(from);
const lengthOf = (sequence: unknown): number => (sequence as Sequence).length;
const nothing: Cost = () => 0;

for (const name of ['charCodeAt', 'slice', 'startsWith']) count(String.prototype, name, nothing);
count(String.prototype, 'indexOf', (text, ...call) => firstSearch(text) + searched(text, ...call));
count(String.prototype, 'includes', lengthOf);
count(RegExp.prototype, 'test', (_, [text]) => lengthOf(text));
count(TextDecoder.prototype, 'decode', (_, [bytes]) => lengthOf(bytes));
count(Buffer.prototype, 'utf8Slice', (_, [start, end]) => Number(end) - Number(start));
count(Buffer.prototype, 'indexOf', searched);
count(Uint8Array.prototype, 'indexOf', searched);
count(Uint8Array.prototype, 'set', (_, [bytes]) => lengthOf(bytes));
count(Uint8Array.prototype, 'copyWithin', ({ length }, [, start, end = length]) => Number(end) - Number(start));
