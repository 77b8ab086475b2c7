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

/**
 * @param what is named in the error
 * @param maxLength in UTF-16 units
 * @throws {ServerError} `ERR_INVALID_OPTION` for what is no id of a run
 */
export function checkRunId(id: string, what: string = 'The id of a run', maxLength: number = MAX_ID_LENGTH): string {
  if (isRunId(id, maxLength)) return id;
  throw new ServerError('ERR_INVALID_OPTION', noRunId(id, what, maxLength));
}

export function isRunId(id: string, maxLength: number = MAX_ID_LENGTH): boolean {
  return typeof id === 'string' && id !== '' && id.length <= maxLength && !REFUSED.test(id);
}

/** What is said of an id that no run can have. */
export function noRunId(id: string, what: string = 'The id of a run', maxLength: number = MAX_ID_LENGTH): string {
  const without = 'control characters, halves of surrogate pairs, backslashes, # and segments that are empty, . or ..';
  return `${what} is ${shown(id)}, but must be a text of 1 to ${maxLength} characters without ${without}`;
}
