import type { ContentCoding } from '../coding/content-coding.ts';
import { chooseCoding, codedHeaders } from '../coding/negotiation.ts';
import { answerOptions, checkCors, type Cors, type CorsOptions } from './cors.ts';
import { checkChoice, ServerError } from '../errors.ts';
import type { RequestHead } from './request.ts';

/** The header fields of every event stream (PROTOCOL §5.1). No cache may keep it, and no proxy may change it or hold it back. */
export const EVENT_STREAM_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
};

export interface HeadOptions {
  /**
   * Header fields to send besides those of an event stream, or in place of `Cache-Control` and `X-Accel-Buffering`. Fields that frame the body or
   * belong to the connection are refused: HTTP/2 forbids them, and on HTTP/1.1 the server sets them. @default none
   */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Which pages of other origins may read the response. @default none */
  readonly cors?: CorsOptions | undefined;
  /**
   * Whether listeners that accept gzip or zstd get it. Events are then several times smaller, and each can be decoded as soon as it has
   * arrived. The size of an event shows what it has in common with earlier ones (BREACH). So do not compress a stream that holds secrets and text
   * that others choose.
   * @default false
   */
  readonly compression?: boolean | undefined;
}

/** The beginning of a response. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether a stream follows; otherwise the head is all. */
  readonly open: boolean;
  /** The content coding of the stream, or undefined for plain bytes. */
  readonly coding?: ContentCoding | undefined;
}

// RFC 9113, 8.2.2, and the fields for the length and coding of the body, which only its sender knows.
const FORBIDDEN = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'content-length',
  'content-encoding',
  'content-type',
]);

const NAME = /^[\w!#$%&'*+.^`|~-]+$/;
// Visible characters, spaces and tabs of Latin-1.
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

/**
 * Checks header fields.
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function checkHeaders(headers: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  if (typeof headers !== 'object' || headers === null || Symbol.iterator in headers) {
    // What is in it may be secret.
    const found = headers === null ? 'null' : Array.isArray(headers) ? 'a list' : `a ${headers?.constructor.name}`;
    const allowed = 'a plain object of names and values';
    throw new ServerError('ERR_INVALID_OPTION', `The option headers is ${found}, but must be ${allowed}`);
  }
  for (const [name, value] of Object.entries<unknown>(headers)) {
    if (!NAME.test(name)) throw invalid(name, 'is not the name of a header field');
    if (FORBIDDEN.has(name.toLowerCase())) {
      throw invalid(
        name,
        'is not allowed: the server itself sets the fields that frame the body or belong to the connection',
      );
    }
    if (typeof value !== 'string') throw invalid(name, `has a value of type ${typeof value}, but must have a string`);
    if (!VALUE.test(value)) throw invalid(name, `has a character that no header field can have`);
  }
  return headers;
}

/**
 * Decides how a request for an event stream is answered, before its source is called. `OPTIONS` and `HEAD` need no source.
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function streamHead(head: RequestHead, options: HeadOptions): ResponseHead {
  const cors: Cors | undefined = checkCors(options.cors);
  const headers = checkHeaders(options.headers);
  if (head.method === 'OPTIONS') return { ...answerOptions(head, ['GET', 'HEAD', 'POST'], cors), open: false };
  const joined = joinHeaders(EVENT_STREAM_HEADERS, headers, cors?.headers(head));
  const coded = negotiateCoding(head, joined, checkCompression(options.compression));
  return { status: 200, ...coded, open: head.method !== 'HEAD' };
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkCompression(compression: boolean = false): boolean {
  return checkChoice('compression', compression, [true, false]);
}

/** The header fields of a stream, and the content coding that they announce. */
export type CodedHead = Pick<ResponseHead, 'headers' | 'coding'>;

/** Adds the coding that the request accepts to the header fields of a stream, if the option allows one. */
export function negotiateCoding(
  head: Pick<RequestHead, 'header'>,
  headers: Readonly<Record<string, string>>,
  compression: boolean,
): CodedHead {
  if (!compression) return { headers };
  const coding = chooseCoding(head.header('accept-encoding'));
  return { headers: joinHeaders(headers, codedHeaders(coding)), coding };
}

/** Header fields of several sources: the later ones win, whatever the case of their names, and every `Vary` counts. */
export function joinHeaders(
  ...parts: readonly (Readonly<Record<string, string>> | undefined)[]
): Record<string, string> {
  const joined: Record<string, string> = {};
  /** The names as they stand in the result, by their small letters. */
  const names = new Map<string, string>();
  for (const part of parts) {
    for (const name in part) {
      if (!Object.hasOwn(part, name)) continue;
      const value = part[name] as string;
      const key = name.toLowerCase();
      const known = names.get(key);
      const before = known === undefined ? undefined : joined[known];
      if (known !== undefined && known !== name) delete joined[known];
      names.set(key, name);
      joined[name] = before !== undefined && key === 'vary' ? joinVary(before, value) : value;
    }
  }
  return joined;
}

function joinVary(before: string, after: string): string {
  const names = before.split(',').map((name) => name.trim());
  for (const name of after.split(',').map((other) => other.trim())) {
    if (!names.some((known) => known.toLowerCase() === name.toLowerCase())) names.push(name);
  }
  return names.join(', ');
}

function invalid(name: string, problem: string): ServerError {
  return new ServerError(
    'ERR_INVALID_OPTION',
    `The header field ${JSON.stringify(name)} of the option headers ${problem}`,
  );
}
