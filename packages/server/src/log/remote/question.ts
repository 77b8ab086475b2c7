import { ServerError } from '../../errors.ts';
import type { NewEvent } from '../entry.ts';
import type { AppendOptions, EventLog, ReadRequest, Since, TopicPageRequest } from '../event-log.ts';
import type { Selection } from '../selection.ts';
import type { SetOptions, StoredValues } from '../stored-values.ts';
import type { CreateOptions, LeaseOptions, StatusOptions, TopicOptions, TopicStates } from '../topic-states.ts';

/** What is asked of a log in another process, as data. Each is a method of {@link EventLog} with its arguments. */
export type Question =
  | { readonly op: 'append'; readonly events: readonly NewEvent[]; readonly options: AppendOptions }
  | ({ readonly op: 'read' } & ReadRequest)
  | ({ readonly op: 'plan' } & ReadRequest)
  | { readonly op: 'locate'; readonly id: string; readonly selection?: Selection }
  | { readonly op: 'locateLast'; readonly selection: Selection; readonly count: number }
  | { readonly op: 'locateSince'; readonly selection: Selection; readonly since: Since }
  | { readonly op: 'list'; readonly request: TopicPageRequest }
  | { readonly op: 'trim' }
  | { readonly op: 'status'; readonly topic: string; readonly options: StatusOptions }
  | { readonly op: 'create'; readonly topic: string; readonly options: TopicOptions; readonly how: CreateOptions }
  | { readonly op: 'delete'; readonly topic: string }
  | { readonly op: 'lease'; readonly topic: string; readonly ms: number; readonly options: LeaseOptions }
  | { readonly op: 'leases' }
  | { readonly op: 'release'; readonly topic: string; readonly token: string }
  | { readonly op: 'value'; readonly name: string }
  | { readonly op: 'setValue'; readonly name: string; readonly value: string; readonly options: SetOptions }
  | { readonly op: 'removeValue'; readonly name: string }
  | { readonly op: 'listValues'; readonly prefix: string };

/** Asks the log itself, and resolves to its answer. The signal is aborted when nobody waits for the answer any more. */
export async function answerTo(log: EventLog, question: Question, signal: AbortSignal): Promise<unknown> {
  switch (question.op) {
    case 'append':
      return await log.append(question.events, question.options);
    case 'read':
      return await log.read(question, { signal });
    case 'plan':
      return await needed(log.plan?.bind(log), 'plan')(question);
    case 'locate':
      return await log.locate(question.id, question.selection, { signal });
    case 'locateLast':
      return await log.locateLast(question.selection, question.count, { signal });
    case 'locateSince':
      return await log.locateSince(question.selection, question.since, { signal });
    case 'list':
      return await needed(log.directory, 'directory').list(question.request);
    case 'trim':
      return await needed(log.trim?.bind(log), 'trim')();
    case 'status':
      return await topicsOf(log).status(question.topic, question.options);
    case 'create':
      return await topicsOf(log).create(question.topic, question.options, question.how);
    case 'delete':
      return await topicsOf(log).delete(question.topic);
    case 'lease':
      return await topicsOf(log).lease(question.topic, question.ms, question.options);
    case 'leases':
      return await topicsOf(log).leases();
    case 'release':
      return await topicsOf(log).release(question.topic, question.token);
    case 'value':
      return await valuesOf(log).get(question.name);
    case 'setValue':
      return await valuesOf(log).set(question.name, question.value, question.options);
    case 'removeValue':
      return await valuesOf(log).remove(question.name);
    case 'listValues':
      return await valuesOf(log).list(question.prefix);
  }
}

/** The small values of a log. @throws {ServerError} `ERR_INVALID_OPTION` if it keeps none */
export function valuesOf(log: EventLog): StoredValues {
  return needed(log.values, 'values');
}

function topicsOf(log: EventLog): TopicStates {
  return needed(log.topics, 'topics');
}

function needed<T>(member: T | undefined, name: string): T {
  if (member !== undefined) return member;
  throw new ServerError('ERR_INVALID_OPTION', `The log in the other process has no ${name}`);
}
