import type { ServerError } from '../../../errors.ts';
import type { LogEntry } from '../../entry.ts';
import type { FollowStart } from '../../event-log.ts';
import type { Question as LogQuestion } from '../../remote/question.ts';
import type { StoredValue } from '../../stored-values.ts';

// Each message is one line of JSON, frames in base64. Messages may be lost, doubled, delayed and out of order, in both directions.

/** What a log may ask of its store, with the answer to each. */
export type Question =
  | LogQuestion
  /** The answer to a question is no longer wanted. The number is the question's. */
  | { readonly op: 'leave'; readonly asked: number }
  /** Asks for the values whose names begin with a text, and is answered when they are others than those that are known. */
  | { readonly op: 'watchValues'; readonly prefix: string; readonly known: readonly StoredValue[] | null }
  /** Begins to follow. The answer is a {@link Begun}. */
  | { readonly op: 'follow' }
  /** Asks for the batches after a sequence number, and is answered when there are any: with entries, or `lost`. */
  | { readonly op: 'next'; readonly following: number; readonly after: number };

export interface Request {
  readonly client: string;
  /** Numbers the requests of a client. One that comes again is answered as the first time, and nothing is done again. */
  readonly id: number;
  /** The client has the answers to all requests with lower numbers. */
  readonly answered: number;
  readonly question: Question;
}

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: Pick<ServerError, 'message' | 'until' | 'index'> & { readonly code: string };
}

export interface Begun {
  readonly following: number;
  readonly start: FollowStart;
}

/** What is between two lines that follow each other in a stream of bytes. */
export class LineReader {
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  write(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line);
  }
}

export function entryToJson(entry: LogEntry): unknown {
  const { frame, ...rest } = entry;
  return { ...rest, frame: Buffer.from(frame).toString('base64') };
}

export function entryFromJson(json: LogEntry & { readonly frame: unknown }): LogEntry {
  return { ...json, frame: new Uint8Array(Buffer.from(String(json.frame), 'base64')) };
}
