import type { NewEvent } from '@tidings/client/publisher';
import type { EventFields } from '@tidings/wire';
import { meant } from '../command-line/usage-error.ts';
import { CliError } from '../errors.ts';
import { CURSOR } from '../http/cursor.ts';
import { membersOf } from './json-members.ts';

/** An event of standard input. */
export interface InputEvent {
  readonly topic: string;
  readonly event: NewEvent;
  /** The number of its line, or of the event, from 1. */
  readonly number: number;
}

/** What the command line says of all events of standard input. */
export type CommonMembers = Pick<NewEvent, 'key' | 'private' | 'lease'>;

/** The members that a line of JSON may have, and what they are. That of the data may be anything. */
const MEMBERS: Readonly<Record<string, string>> = {
  topic: 'string',
  data: '',
  type: 'string',
  id: 'string',
  retry: 'number',
  private: 'boolean',
  key: 'string',
  forget: 'boolean',
  close: 'boolean',
  lease: 'string',
};

/** Makes an event of what was read; undefined where there is none. @throws {CliError} `ERR_INPUT` */
export type ReadEvent = (fields: EventFields) => InputEvent | undefined;

/** Events whose topic the command line names. */
export function eventsOf(topic: string, common: CommonMembers): ReadEvent {
  let number = 0;
  return ({ event: type, data = '', id = '', retry }) => {
    // In a copy of a stream, the ids that a hub gave are places in another log.
    const own = id === '' || CURSOR.test(id) ? {} : { id };
    return { topic, event: { data, type, retry, ...own, ...common }, number: ++number };
  };
}

/**
 * Events each of which is a line of JSON (PROTOCOL §4.11).
 *
 * @param topic that of lines that name none
 */
export function jsonEvents(topic: string | undefined): ReadEvent {
  let number = 0;
  return ({ data: line = '' }) => {
    number++;
    if (line.trim() === '') return undefined;
    const { topic: own = topic, ...event } = parse(line, number);
    if (own === undefined) throw mistake(number, 'has no topic, and the command line names none');
    if (event.data === undefined) throw mistake(number, 'has no data');
    return { topic: own, event, number };
  };
}

/** The members of an object. The data is a text already: parsed and written again, its numbers could become others. */
function parse(line: string, number: number): NewEvent & { readonly topic?: string } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw mistake(number, `is no JSON: ${reason}`, error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw mistake(number, 'is no JSON object, such as {"topic":"orders/42","data":"paid"}');
  }
  const members: Record<string, unknown> = {};
  for (const [name, text] of membersOf(line)) {
    if (Object.hasOwn(members, name)) throw mistake(number, `has the member ${JSON.stringify(name)} twice`);
    const kind = Object.hasOwn(MEMBERS, name) ? MEMBERS[name] : undefined;
    if (kind === undefined) {
      const names = Object.keys(MEMBERS);
      throw mistake(
        number,
        `has the member ${JSON.stringify(name)}, which no event has; allowed are ${names.join(', ')}${meant(name, names)}`,
      );
    }
    const member = JSON.parse(text) as unknown;
    const found = JSON.stringify(member);
    if (kind !== '' && typeof member !== kind)
      throw mistake(number, `has ${found} as ${name}, but must have a ${kind}`);
    members[name] = kind === '' && typeof member !== 'string' ? text : member;
  }
  return members;
}

function mistake(number: number, found: string, cause?: unknown): CliError {
  const line = number.toLocaleString('en-US');
  return new CliError('ERR_INPUT', `line ${line} of standard input ${found}`, { cause });
}
