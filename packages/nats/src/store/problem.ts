import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/nats-core';
import { NatsError } from '../errors.ts';

// Codes of JetStream's API (`err_code`).
const STREAM_NOT_FOUND = 10059;
const WRONG_LAST_SEQUENCE = 10071;
const STORE_FAILED = 10077;
const SUBJECTS_OVERLAP = 10065;
const NOT_ENABLED: ReadonlySet<number> = new Set([10039, 10076]);
const NO_STORAGE: ReadonlySet<number> = new Set([10047, 10023, 10028, 10002]);
const TOO_FEW_SERVERS: ReadonlySet<number> = new Set([10005, 10074]);

/** What the client says of a failed connection, and what was found then. */
const CLIENT_SAYS: ReadonlyMap<string, string> = new Map([
  [
    'error connecting - node provided an undefined error',
    'the connection was closed before a server said anything, as by a proxy that has no server behind it',
  ],
  ['unexpected response from server', 'what answered is no NATS server'],
]);

/** What of an error is one of these, also if it is the cause of it. */
function found<T extends Error>(error: unknown, type: abstract new (...args: never[]) => T): T | undefined {
  for (let one = error; one instanceof Error; one = one.cause) if (one instanceof type) return one;
  return undefined;
}

export function isStreamMissing(error: unknown): boolean {
  return found(error, JetStreamApiError)?.code === STREAM_NOT_FOUND;
}

/** Whether no answer came in time. */
export function isLate(error: unknown): boolean {
  return found(error, errors.TimeoutError) !== undefined;
}

/** Whether nobody listens to what was asked. */
export function isUnheard(error: unknown): boolean {
  return found(error, errors.NoRespondersError) !== undefined;
}

export function isWrongSequence(error: unknown): boolean {
  return found(error, JetStreamApiError)?.code === WRONG_LAST_SEQUENCE;
}

/** Whether a cluster has too few servers, as one that has just been started has. */
export function isTooSmall(error: unknown): boolean {
  return TOO_FEW_SERVERS.has(found(error, JetStreamApiError)?.code ?? 0);
}

/** What the store answered, if it refused what was asked and would refuse it again; undefined if it may be asked again soon. */
export function refusalIn(error: unknown): string | undefined {
  const permission = found(error, errors.PermissionViolationError);
  if (permission) return `the user may not ${denied(permission)}`;
  const answer = found(error, JetStreamApiError);
  if (!answer) return undefined;
  // Its status, 503, is that of what may be asked again soon.
  if (isFull(error)) return `it has no room: ${answer.message}`;
  // So is that of a stream that has as much as it may have, and of one that is being closed.
  if (answer.code === STORE_FAILED && answer.message.includes('exceeded')) return answer.message;
  return answer.status >= 503 || answer.status === 408 ? undefined : answer.message;
}

/** What a user may not do. Inboxes have names of chance. */
function denied({ operation, subject }: InstanceType<typeof errors.PermissionViolationError>): string {
  return operation === 'publish' ? `publish ${subject}` : `subscribe to ${subject.replace(/^_INBOX\..*$/, '_INBOX.>')}`;
}

/** Whether the store has no room for what was to be stored. */
export function isFull(error: unknown): boolean {
  return NO_STORAGE.has(found(error, JetStreamApiError)?.code ?? 0);
}

/** Whether JetStream is not enabled, or seems so: the client says that also if nobody listens to what it asks or publishes. */
function isNotEnabled(error: unknown): boolean {
  const isSo = error instanceof Error && error.name === 'JetStreamNotEnabled';
  return isSo || NOT_ENABLED.has(found(error, JetStreamApiError)?.code ?? 0);
}

/** Whether servers may answer in this way only while they agree on a leader. */
export function isUndecided(error: unknown, isCluster: boolean): boolean {
  if (isNotEnabled(error) || isUnheard(error)) return isCluster;
  return found(error, JetStreamApiError) !== undefined && refusalIn(error) === undefined;
}

/** The sentence for who opens a log. */
export function unusable(error: unknown): NatsError {
  if (error instanceof NatsError) return error;
  const cause = { cause: error };
  const limits = (message: string): NatsError => new NatsError('ERR_STORE_LIMITS', message, cause);
  const permission = found(error, errors.PermissionViolationError);
  if (permission) {
    return limits(`The user of the NATS server may not ${denied(permission)}; give the user that permission`);
  }
  const answer = found(error, JetStreamApiError);
  if (isNotEnabled(error)) {
    return limits('JetStream is not enabled on the NATS server, or not for this account; start nats-server with -js');
  }
  if (answer && isFull(error)) {
    return limits(
      `The NATS server has no room for the log: ${answer.message}; raise its storage limit, or that of the account`,
    );
  }
  if (answer && isTooSmall(error)) {
    return limits(
      `The NATS servers cannot hold so many replicas: ${answer.message}; lower the option replicas, or start more servers`,
    );
  }
  if (found(error, errors.AuthorizationError)) {
    return new NatsError(
      'ERR_STORE_AWAY',
      'The NATS server did not let the log in: user, password or token are wrong',
      cause,
    );
  }
  if (answer?.code === SUBJECTS_OVERLAP) {
    return limits(
      'Another stream on the NATS server stores the messages of the subject that the log needs; give the log another name, or change that stream',
    );
  }
  const away = (message: string): NatsError => new NatsError('ERR_STORE_AWAY', message, cause);
  if (isLate(error)) {
    return away('JetStream on the NATS server did not answer in time; in a cluster most of the servers have to run');
  }
  return away(`The log on the NATS server cannot be opened: ${answer?.message ?? whyOf(error)}`);
}

/** The sentence for who opens a log if there is no connection to a server. */
export function unreachable(error: unknown): NatsError {
  if (found(error, errors.AuthorizationError) || found(error, errors.PermissionViolationError)) return unusable(error);
  const why = isLate(error) ? 'it did not answer in time' : (CLIENT_SAYS.get(whyOf(error)) ?? whyOf(error));
  return new NatsError('ERR_STORE_AWAY', `The NATS server cannot be reached: ${why}`, { cause: error });
}

function whyOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
