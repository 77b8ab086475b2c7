import type { ChannelEvent } from '../channel/channel-event.ts';
import type { RequestHead } from '../http/request.ts';

/** What a listener may see, and until when. */
export interface Grant {
  readonly allow: true;
  /** When the rights end, milliseconds since 1970: then `authorize` is asked again. @default never */
  readonly expiresAt?: number;
  /**
   * Which events the listener gets, replayed ones included. Must give the same answer for the same event. Where it throws, the listener
   * is broken off. @default all
   */
  readonly filter?: (event: ChannelEvent) => boolean;
  /** Filters with the same key are the same: their listeners are asked for once, and written to together. @default no two are */
  readonly filterKey?: string;
}

/** Why a listener may not listen. */
export interface Refusal {
  readonly allow: false;
  /** 400 to 599. @default 403 */
  readonly status?: number;
  /** Such as `WWW-Authenticate`. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Plain text, unless the headers say something else. @default a sentence */
  readonly body?: string;
}

/** Whether a request may listen: asked when it comes, on every reconnect, and when what was granted expires. */
export type Authorize = (request: RequestHead) => Authorization | Promise<Authorization>;
export type Authorization = boolean | Grant | Refusal;

const GRANTED: Grant = { allow: true };
const REFUSED: Refusal = { allow: false };

/**
 * Reads an answer of `authorize`, which JavaScript may have given any form. What has expired already is refused.
 * @throws {TypeError} where it is no answer: who is not clearly allowed to listen may not
 */
export function checkAuthorization(answer: Authorization, now: number): Grant | Refusal {
  if (answer === true) return GRANTED;
  if (answer === false) return REFUSED;
  if (typeof answer !== 'object' || answer === null || typeof answer.allow !== 'boolean') {
    throw invalid('', String(answer), 'a boolean or an object whose `allow` is one');
  }
  if (answer.allow) {
    const { expiresAt, filter, filterKey } = answer;
    if (expiresAt !== undefined && (typeof expiresAt !== 'number' || Number.isNaN(expiresAt))) {
      throw invalid('expiresAt ', String(expiresAt), 'milliseconds since 1970');
    }
    if (filter !== undefined && typeof filter !== 'function') throw invalid('filter ', String(filter), 'a function');
    if (filterKey !== undefined && typeof filterKey !== 'string') {
      throw invalid('filterKey ', String(filterKey), 'a string');
    }
    return expiresAt !== undefined && expiresAt <= now ? REFUSED : answer;
  }
  const { status } = answer;
  if (status !== undefined && !(Number.isInteger(status) && status >= 400 && status <= 599)) {
    throw invalid('status ', String(status), 'an integer from 400 to 599');
  }
  return answer;
}

function invalid(what: string, found: string, allowed: string): TypeError {
  return new TypeError(`Cannot use what authorize answered: ${what}is ${found}, but must be ${allowed}`);
}
