/** The codes of {@link ServerError}. */
export type ServerErrorCode =
  /** An option is missing, unknown, of the wrong type or out of range, or an argument is not what the function takes. */
  | 'ERR_INVALID_OPTION'
  /** An event cannot be published as it is: a field, topic or batch is not allowed. */
  | 'ERR_INVALID_EVENT'
  /** The key of an append was used before, for something else. Nothing was appended. */
  | 'ERR_KEY_REUSED'
  /** An event is larger than a log takes. Nothing of its batch was appended. */
  | 'ERR_EVENT_TOO_LARGE'
  /** A batch has more events than a log takes at once. Nothing was appended. */
  | 'ERR_BATCH_TOO_LARGE'
  /** More events are waiting to be stored than a log has room for. Nothing was appended. It can be tried again soon. */
  | 'ERR_TOO_MUCH_WAITS'
  /** A topic of the batch is closed. Nothing was appended. */
  | 'ERR_TOPIC_CLOSED'
  /** A topic has a lease, and its token was not given, or a token that was given is not, or no longer, that of the lease. Nothing was changed. */
  | 'ERR_LEASE_LOST'
  /** Another has the lease of the topic, until the error's `until`. */
  | 'ERR_LEASED'
  /** A condition of an append does not hold. Nothing was appended. */
  | 'ERR_CONDITION'
  /** A hub has refused a request, or what answers is no hub. */
  | 'ERR_HUB'
  /** A run is over, was deleted, or has another producer. Nothing was appended. */
  | 'ERR_RUN_OVER'
  /** A run has failed or is lost, or is no longer kept: what was read is not all that was to come. */
  | 'ERR_RUN_BROKEN'
  /** The topic is known, and was only to be made if it was not. */
  | 'ERR_TOPIC_EXISTS'
  /** The log remembers as many created topics, or leases, as it takes. */
  | 'ERR_TOO_MANY_TOPICS'
  /** The log keeps as many values beside its events as it takes. */
  | 'ERR_TOO_MANY_VALUES'
  /** A URL pattern is malformed, too large, or uses a feature that is not allowed for topics. */
  | 'ERR_INVALID_PATTERN'
  /** The log could not store a batch. None of its events was published. */
  | 'ERR_NOT_STORED'
  /**
   * The store of a log is out of reach. It can be tried again soon. Nothing was appended, unless the connection was lost while the answer was awaited: then that is not known,
   * and an append with a key can be repeated.
   */
  | 'ERR_STORE_AWAY'
  /** The log, channel or fan-out has been closed, or the channel has been drained. */
  | 'ERR_CLOSED'
  /** A source sent more than `maxBacklogBytes` without waiting, to a listener that does not read. The response was broken off. */
  | 'ERR_BACKLOG_EXCEEDED'
  /** A query parameter of a request is malformed, or is given more than once. */
  | 'ERR_INVALID_PARAMETER'
  /** `authenticate` returned a value that cannot be used, or such a value was given as `rights`. */
  | 'ERR_INVALID_RIGHTS'
  /** The rights that were given to an iteration over events do not cover what it asks for, or have expired. */
  | 'ERR_FORBIDDEN';

/** The error class of this package. The `code` is stable. If another error is the reason, it is the `cause`. */
export class ServerError extends Error {
  override readonly name = 'ServerError';
  readonly code: ServerErrorCode;
  /** With `ERR_LEASED`, when the lease ends, milliseconds since 1970. */
  declare readonly until?: number | undefined;
  /** With `ERR_TOPIC_CLOSED` and `ERR_LEASE_LOST` of an append, which event of the batch was refused, from 0; undefined if it was none of them. */
  declare readonly index?: number | undefined;

  constructor(
    code: ServerErrorCode,
    message: string,
    options?: ErrorOptions & { readonly until?: number | undefined; readonly index?: number | undefined },
  ) {
    super(message, options);
    this.code = code;
    if (options?.until !== undefined) this.until = options.until;
    if (options?.index !== undefined) this.index = options.index;
  }
}

/** A number with its noun: `1 event`, `2 events`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

const SHOWN_CHARACTERS = 40;

/** A value that was refused, in a few words for a message: a text in quotes, so that `'5'` is not taken for `5`. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string': {
      const more = value.length > SHOWN_CHARACTERS ? `… (${value.length} characters)` : '';
      return JSON.stringify(value.slice(0, SHOWN_CHARACTERS)) + more;
    }
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return 'an array';
      return 'then' in value && typeof value.then === 'function' ? 'a promise' : 'an object';
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    default:
      return `a ${typeof value}`;
  }
}

/**
 * Checks that an object of options has only these names. A misspelled option would have no effect, and nobody would notice.
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function checkNames(options: unknown, names: Readonly<Record<string, true>>, prefix: string = ''): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const allowed = Object.keys(names).join(', ');
    const which = prefix === '' ? 'The options are' : `The option ${prefix.slice(0, -1)} is`;
    throw new ServerError(
      'ERR_INVALID_OPTION',
      `${which} ${shown(options)}, but must be an object with any of ${allowed}`,
    );
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue;
    const found = JSON.stringify(`${prefix}${name}`);
    const allowed = Object.keys(names);
    throw new ServerError(
      'ERR_INVALID_OPTION',
      `There is no option ${found}; allowed are ${allowed.join(', ')}${suggestion(name, allowed)}`,
    );
  }
}

/** What is one thing in requests, in events of a log and in options of functions. Who knows one of its names may try it where another is right. */
const SAME: readonly (readonly string[])[] = [
  ['event', 'type', 'types', 'eventtype'],
  ['final', 'close'],
  ['latestkey', 'key'],
  ['leases', 'lease', 'token'],
  ['ttlms', 'ttl'],
  ['match_urlpattern', 'urlpattern', 'pattern', 'patterns', 'matchurlpattern'],
  ['match', 'topics', 'topic'],
];

/** The known name of what has another name elsewhere. */
function sameAs(found: string, known: readonly string[]): string | undefined {
  const names = SAME.find((each) => each.includes(found.toLowerCase()));
  return names && known.find((name) => names.includes(name.toLowerCase()));
}

/** The end of a message about an unknown name: the known name of the same thing, or the one that is most like it, or an empty string if none is. */
export function suggestion(found: string, known: readonly string[]): string {
  const same = sameAs(found, known);
  if (same !== undefined) return `; did you mean ${same}?`;
  let nearest: string | undefined;
  // Two thirds of its letters have to be right.
  let fewest = Math.floor(found.length / 3) + 1;
  for (const name of known) {
    const changes = distance(found.toLowerCase(), name.toLowerCase());
    if (changes >= fewest) continue;
    fewest = changes;
    nearest = name;
  }
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}

/** How many letters have to be changed, added, left out or exchanged with their neighbour to make one word out of another. */
function distance(from: string, to: string): number {
  // The rows of the table of all their beginnings: the last two, and the present one.
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const present = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isExchanged = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      present[column] = Math.min(
        (last[column] ?? 0) + 1,
        (present[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
        isExchanged ? (before[column - 2] ?? 0) + 1 : Infinity,
      );
    }
    before = last;
    last = present;
  }
  return last[to.length] ?? 0;
}

/**
 * Checks a numeric option.
 * @throws {ServerError} `ERR_INVALID_OPTION` unless it is an integer from `min` to `max`
 */
export function checkInteger(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    const most = max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`;
    throw new ServerError(
      'ERR_INVALID_OPTION',
      `The option ${name} is ${shown(value)}, but must be an integer from ${min}${most}`,
    );
  }
  return value;
}

/** @throws {ServerError} `ERR_INVALID_OPTION` unless the value is one of the allowed ones */
export function checkChoice<T>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  const choices = allowed.map((choice) => JSON.stringify(choice)).join(', ');
  throw new ServerError('ERR_INVALID_OPTION', `The option ${name} is ${shown(value)}, but must be one of ${choices}`);
}

/** @throws {ServerError} `ERR_INVALID_OPTION` unless the value is a function or undefined */
export function checkFunction<T>(name: string, value: T): T {
  if (value === undefined || typeof value === 'function') return value;
  throw new ServerError('ERR_INVALID_OPTION', `The option ${name} is ${shown(value)}, but must be a function`);
}
