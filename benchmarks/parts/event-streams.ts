/** The streams that a client is sent, by their names in the path of its request. */
export const STREAMS = { deltas: 'LLM deltas, 150 bytes', tiny: 'tiny events, 20 bytes', json: 'JSON, 4 KB' } as const;

/** How a response is framed: each event in a chunk of HTTP/1.1, or not at all, so that it ends with its connection. */
export const FRAMINGS = ['chunked', 'plain'] as const;

export type StreamName = keyof typeof STREAMS;
export type Framing = (typeof FRAMINGS)[number];

/** The id of the last event and of no other. Its data is the `Total` of those before it. */
export const LAST_ID = 'last';

/** What a client has to have got. */
export interface Total {
  readonly events: number;
  /** The sum of `checkOf` over their data. */
  readonly sum: number;
}

/** What is added up of each event's data. It costs little, and it makes a decoder that puts work off do it. */
export function checkOf(data: string): number {
  return data.length + data.charCodeAt(data.length >> 1);
}
