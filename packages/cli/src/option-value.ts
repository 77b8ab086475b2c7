import { InvalidArgumentError } from 'commander';
import { parseDuration, parseInteger, parseSize } from './quantity.ts';

/** What retention takes for no bound, which is Infinity: commander knows no option without a value. */
const NONE = 'none';

/** The most events that `--last` asks for (PROTOCOL §5.2). */
const MAX_LAST = 10_000;

const MAX_PORT = 65_535;

export function portValue(text: string): number {
  return parseInteger(text, 0, MAX_PORT) ?? refuse('a port is a number from 0 to 65535');
}

export function ageValue(text: string): number {
  if (text === NONE) return Infinity;
  return parseDuration(text) ?? refuse('a duration is a number with ms, s, m, h, d or w, such as 12h; or "none"');
}

export function sizeValue(text: string): number {
  if (text === NONE) return Infinity;
  return parseSize(text) ?? refuse('a size is a number with B, kB, MB, GB, KiB, MiB or GiB, such as 500MB; or "none"');
}

export function countValue(text: string): number {
  if (text === NONE) return Infinity;
  return parseInteger(text, 1, Number.MAX_SAFE_INTEGER) ?? refuse('it is a number from 1, or "none"');
}

export function lastValue(text: string): number {
  return parseInteger(text, 0, MAX_LAST) ?? refuse(`it is a number from 0 to ${MAX_LAST}`);
}

/** Goes into a header. A hub asks for 16 characters, which is for the hub to say. */
export function keyValue(text: string): string {
  if (/^[\u0021-\u007E]+$/.test(text)) return text;
  return refuse('a key is of printable ASCII characters without spaces');
}

export function originValue(text: string, earlier: readonly string[] = []): readonly string[] {
  if (!URL.canParse(text) || new URL(text).origin !== text) {
    return refuse('an origin is a scheme, a host and where needed a port, such as https://example.com');
  }
  return [...earlier, text];
}

export function listValue(text: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, text];
}

function refuse(message: string): never {
  throw new InvalidArgumentError(message);
}
