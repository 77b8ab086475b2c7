/** What the page knows about its connection to the hub. */
export interface Connection {
  readonly phase: 'connecting' | 'open' | 'waiting' | 'closed';
  /** It was open before and broke: until it is open again, the page shows that. */
  readonly lost: boolean;
  /** When the next attempt is made, milliseconds since 1970; in the phase `waiting`. */
  readonly retryAt: number | undefined;
  /** The status of the hub's last refusal, if it answered at all. */
  readonly status: number | undefined;
  /** Whether the hub ended the last stream as a whole one. */
  readonly ended: boolean;
  /** Why the stream was closed for good; undefined if it has come to its end. */
  readonly reason: string | undefined;
  /** When it came back, milliseconds since 1970; undefined once the note about it was shown long enough. */
  readonly returnedAt: number | undefined;
  /** Events published while it was away that have arrived since. */
  readonly caughtUp: number;
}

export type ConnectionInput =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open'; readonly now: number }
  | {
      readonly kind: 'waiting';
      readonly retryAt: number | undefined;
      readonly status: number | undefined;
      readonly ended?: boolean;
    }
  | { readonly kind: 'closed'; readonly status: number | undefined; readonly reason: string | undefined }
  | { readonly kind: 'caught-up'; readonly events: number }
  | { readonly kind: 'note-shown' };

/** The stream has come to its end. */
export const COMPLETE: ConnectionInput = { kind: 'closed', status: undefined, reason: undefined };

/** How long the page says that it is back, in milliseconds. */
export const NOTE_MS = 12_000;

export const FIRST_CONNECTION: Connection = {
  phase: 'connecting',
  lost: false,
  retryAt: undefined,
  status: undefined,
  ended: false,
  reason: undefined,
  returnedAt: undefined,
  caughtUp: 0,
};

/** The connection after something happened to it. */
export function nextConnection(connection: Connection, input: ConnectionInput): Connection {
  switch (input.kind) {
    case 'connecting':
      return { ...connection, phase: 'connecting', lost: isLost(connection), retryAt: undefined };
    case 'open':
      return { ...FIRST_CONNECTION, phase: 'open', returnedAt: isLost(connection) ? input.now : undefined };
    case 'waiting':
      return {
        ...FIRST_CONNECTION,
        phase: 'waiting',
        lost: isLost(connection),
        retryAt: input.retryAt,
        status: input.status,
        ended: input.ended === true,
      };
    case 'closed':
      return { ...FIRST_CONNECTION, phase: 'closed', status: input.status, reason: input.reason };
    case 'caught-up':
      return connection.returnedAt === undefined
        ? connection
        : { ...connection, caughtUp: connection.caughtUp + input.events };
    case 'note-shown':
      return { ...connection, returnedAt: undefined, caughtUp: 0 };
  }
}

/** How the page describes a connection. */
export interface ConnectionText {
  readonly tone: 'calm' | 'busy' | 'good' | 'bad';
  readonly text: string;
  /** Seconds to the next attempt: apart from the text, which is read out only when it changes. */
  readonly seconds: number | undefined;
}

/** What to say about a connection. `now` in milliseconds since 1970. */
export function describeConnection(connection: Connection, now: number): ConnectionText {
  const { phase, status } = connection;
  if (phase === 'open') {
    if (connection.returnedAt === undefined) return { tone: 'calm', text: 'Connected', seconds: undefined };
    return { tone: 'good', text: `Reconnected${caughtUpText(connection.caughtUp)}`, seconds: undefined };
  }
  if (phase === 'closed') {
    if (isComplete(connection)) return { tone: 'calm', text: 'This topic is closed', seconds: undefined };
    return { tone: status === 401 ? 'busy' : 'bad', text: closedText(connection), seconds: undefined };
  }
  if (phase === 'connecting' && !connection.lost) return { tone: 'busy', text: 'Connecting…', seconds: undefined };
  const trouble = troubleText(connection);
  const tone = connection.ended ? 'busy' : 'bad';
  if (phase === 'connecting' || connection.retryAt === undefined) {
    return { tone, text: `${trouble} Trying again…`, seconds: undefined };
  }
  const seconds = Math.max(0, Math.ceil((connection.retryAt - now) / 1000));
  return { tone, text: `${trouble} Trying again`, seconds };
}

/** Whether the stream has come to its end: its topic is closed. */
export function isComplete({ phase, status, reason }: Connection): boolean {
  return phase === 'closed' && status === undefined && reason === undefined;
}

/** Whether there is more to say than fits into a word: what is wrong, and what is done about it. */
export function isTroubled(connection: Connection): boolean {
  const { phase, status, lost } = connection;
  if (phase === 'closed') return status !== 401 && !isComplete(connection);
  return phase === 'waiting' || (phase === 'connecting' && lost);
}

function troubleText({ ended, status }: Connection): string {
  if (ended) return 'The hub has ended this stream.';
  return status === undefined ? 'The hub cannot be reached.' : `The hub answered ${status}.`;
}

function isLost(connection: Connection): boolean {
  return connection.lost || connection.phase === 'open';
}

function caughtUpText(events: number): string {
  if (events === 0) return '';
  return `, ${events.toLocaleString('en')} event${events === 1 ? '' : 's'} caught up`;
}

function closedText({ status, reason }: Connection): string {
  if (status === 401) return 'This hub asks for a key or token.';
  return `The hub refused this: ${reason ?? `it answered ${status}`}`;
}
