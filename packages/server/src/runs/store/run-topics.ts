import { ServerError, shown } from '../../errors.ts';

/** The longest id of a run, in UTF-16 units: with its prefix it is the name of a topic. */
const MAX_ID_LENGTH = 256;

/** What no topic has, and what no path of a URL can have (PROTOCOL §3.8). */
// oxlint-disable-next-line no-control-regex -- no topic has control characters
const REFUSED = /[\u0000-\u001f\u007f-\u009f\\#]|\p{Surrogate}|(?:^|\/)\.{0,2}(?:\/|$)/u;

/** The names of the topics of runs. */
export class RunTopics {
  /** The topic of the requests to stop. */
  readonly stops: string;

  /** @param name the part before the slash: `runs` makes `runs/{id}` */
  constructor(name: string) {
    this.stops = name;
  }

  /** The topic of a run. */
  of(id: string): string {
    return `${this.stops}/${id}`;
  }

  /** The topic in which the error of a run is, so that who may listen to the run is not told it. */
  errorOf(id: string): string {
    return `${this.stops}-errors/${id}`;
  }
}

/** @throws {ServerError} `ERR_INVALID_OPTION` for what is no id of a run */
export function checkRunId(id: string): string {
  return checkTopicPart(id, 'The id of a run');
}

/**
 * Checks what becomes a part of the name of a topic.
 * @param what is named in the error
 * @param max the greatest length, in UTF-16 units
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function checkTopicPart(part: string, what: string, max: number = MAX_ID_LENGTH): string {
  if (isTopicPart(part, max)) return part;
  throw new ServerError('ERR_INVALID_OPTION', noTopicPart(part, what, max));
}

export function isRunId(id: string): boolean {
  return isTopicPart(id, MAX_ID_LENGTH);
}

/** What is said of an id that no run can have. */
export function noRunId(id: string): string {
  return noTopicPart(id, 'The id of a run', MAX_ID_LENGTH);
}

function isTopicPart(part: string, max: number): boolean {
  return typeof part === 'string' && part !== '' && part.length <= max && !REFUSED.test(part);
}

function noTopicPart(part: string, what: string, max: number): string {
  const without = 'control characters, halves of surrogate pairs, backslashes, # and segments that are empty, . or ..';
  return `${what} is ${shown(part)}, but must be a text of 1 to ${max} characters without ${without}`;
}
