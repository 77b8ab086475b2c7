import { GAP_TYPE } from '@tidings/wire';
import { ServerError, shown } from '../../errors.ts';

const MEMBERS = ['after', 'resumedAt', 'reason'] as const;

/**
 * Checks the data of a gap that a copy of a stream passes on (PROTOCOL §6.1). A listener would take any other data for an event, and would not know that it
 * missed something. The reason may be one that was added later.
 * @throws {ServerError} `ERR_INVALID_EVENT` unless it is the JSON of a gap
 */
export function checkGap(data: unknown): void {
  const gap = parsed(data);
  if (typeof gap === 'object' && gap !== null) {
    const members = gap as Readonly<Record<string, unknown>>;
    if (MEMBERS.every((name) => typeof members[name] === 'string' && members[name] !== '')) return;
  }
  throw new ServerError(
    'ERR_INVALID_EVENT',
    `The data of the event of type ${GAP_TYPE} is ${shown(data)}, but must be JSON with the texts ${MEMBERS.join(', ')} of a gap that another stream has told`,
  );
}

function parsed(data: unknown): unknown {
  if (typeof data !== 'string') return undefined;
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
