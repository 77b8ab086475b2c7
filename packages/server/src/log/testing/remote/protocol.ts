import type { LogEntry, NewEvent } from '../../entry.ts';
import type { AppendOptions, FollowStart, ReadRequest, TopicPageRequest } from '../../event-log.ts';
import type { Selection } from '../../selection.ts';
import type { CreateOptions, StatusOptions, TopicOptions } from '../../topic-states.ts';

// Each message is one line of JSON, frames in base64. Messages may be lost, doubled, delayed and out of order, in both directions.

/** What a log may ask of its store, with the answer to each. */
export type Question =
  | { readonly op: 'append'; readonly events: readonly NewEvent[]; readonly options: AppendOptions }
  | ({ readonly op: 'read' } & ReadRequest)
  | { readonly op: 'locate'; readonly id: string; readonly selection?: Selection }
  | { readonly op: 'locateLast'; readonly selection: Selection; readonly count: number }
  /** The answer to a question is no longer wanted. The number is the question's. */
  | { readonly op: 'leave'; readonly asked: number }
  | { readonly op: 'list'; readonly request: TopicPageRequest }
  | { readonly op: 'trim' }
  | { readonly op: 'status'; readonly topic: string; readonly options: StatusOptions }
  | { readonly op: 'create'; readonly topic: string; readonly options: TopicOptions; readonly how: CreateOptions }
  | { readonly op: 'delete'; readonly topic: string }
  | { readonly op: 'lease'; readonly topic: string; readonly ms: number; readonly token?: string }
  | { readonly op: 'release'; readonly topic: string; readonly token: string }
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
  readonly error?: { readonly code: string; readonly message: string; readonly until?: number | undefined };
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
