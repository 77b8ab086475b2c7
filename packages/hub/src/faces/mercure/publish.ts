import type { Answer } from '@tidings/server/live';
import { counted, EARLIEST, isCursor, type NewEvent, parseMarked } from '@tidings/server/log';
import type { EventFields } from '@tidings/wire';
import { requireRight, requireSomeRight } from '../../access/require.ts';
import { textAnswer } from '../../http/answer.ts';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';
import { checkData, checkRetry, checkType } from '../topics/bodies/checks.ts';
import { append, contentType, notePublished, openBody } from '../topics/published.ts';
import { hubBase, isOwnPath } from './addresses.ts';
import { malformedPresentation } from './challenges.ts';
import { requireOwnDetails } from './grants.ts';
import { readForm } from './form.ts';
import { checkVisible, keptId, postedId, sentId } from './names.ts';
import type { MercureSettings } from './options.ts';

const FORM = 'application/x-www-form-urlencoded';

/** The type of the events that tell of subscriptions. */
export const SUBSCRIPTION_TYPE = 'mercure';

// Of the fields beside the data.
const OTHER_BYTES = 1024 * 1024;

/** Publishes the update in a form. @throws {Problem} @throws {ServerError} */
export async function publish(context: FaceContext, settings: MercureSettings, exchange: Exchange): Promise<Answer> {
  const { request, rights } = exchange;
  // Before its body, so that a stranger cannot make the hub read one.
  requireOwnDetails(rights, rights.publish);
  requireSomeRight(rights, 'publish');
  requirePage(context, settings, exchange);
  const type = contentType(request);
  if (type !== FORM) {
    throw new Problem('unsupported-type', `The body is ${JSON.stringify(type)}; allowed is ${FORM}`);
  }
  const { limits } = context;
  const body = openBody(context, exchange);
  try {
    // Each byte of the data may be percent-encoded.
    const bytes = await body.whole(Math.min(3 * limits.maxEventBytes + OTHER_BYTES, limits.maxBodyBytes));
    const event = eventOf(readForm(bytes), context, hubBase(context));
    requireRight(rights, 'publish', event.topics);
    await requireOwnId(context, event.fields.id);
    const { id } = await append(context, exchange, [event]);
    notePublished(context, exchange, 1, bytes.length);
    return textAnswer(200, sentId(id));
  } finally {
    body.close();
  }
}

/** Refuses what a page sends that may not publish. @throws {Problem} `invalid-parameter`, `origin-not-allowed` */
function requirePage(context: FaceContext, { publishOrigins }: MercureSettings, exchange: Exchange): void {
  const { request, rights } = exchange;
  if (rights.credential?.carrier !== 'cookie') return context.requireOrigin(exchange, 'publish here');
  try {
    if (!publishOrigins) return context.requirePage(exchange);
    const from = request.header('origin') ?? request.header('referer') ?? '';
    if (URL.canParse(from) && publishOrigins.has(new URL(from).origin)) return;
  } catch (error) {
    if (error instanceof Problem) throw malformedPresentation(error.message);
    throw error;
  }
  throw malformedPresentation(
    'To publish with a cookie a request needs an Origin or Referer that is allowed, by publishOrigins of the hub (--mercure-publish-origin): send the token as Authorization: Bearer, or let the hub allow it',
  );
}

/** Refuses an id that is a cursor of this log: whoever came back with it would not know which of the two it is. @throws {Problem} `invalid-parameter` */
async function requireOwnId({ log }: FaceContext, kept = ''): Promise<void> {
  const id = postedId(kept);
  if (!isCursor(id)) return;
  const { misplaced } = await log.locate(parseMarked(id)?.cursor ?? id);
  if (misplaced !== 'foreign')
    throw invalid(`The id ${JSON.stringify(id)} is a cursor of this hub, which makes those itself`);
}

/** @throws {Problem} */
function eventOf(form: URLSearchParams, { limits }: FaceContext, hub: string): NewEvent {
  const topics = form.getAll('topic');
  if (topics.length === 0) throw invalid('No topic is named; the form needs one or more fields topic');
  if (topics.length > limits.maxMatchers) {
    throw new Problem(
      'too-large',
      `The update has ${counted(topics.length, 'topic')}; at most ${limits.maxMatchers} are allowed`,
    );
  }
  for (const topic of topics) checkTopic(topic, hub);
  return { topics, fields: fieldsOf(form, limits), private: form.has('private') };
}

function checkTopic(topic: string, hub: string): void {
  checkVisible('topic', topic, 'too-large');
  if (topic === '*') throw invalid('The topic is *, which stands for all topics and is none');
  if (!isOwnPath(topic, hub)) return;
  throw invalid(`The topic ${JSON.stringify(topic)} is, as a URL, the path of the hub itself or one below it`);
}

function fieldsOf(form: URLSearchParams, limits: FaceContext['limits']): EventFields {
  const [data = '', id = '', type = '', retry = ''] = ['data', 'id', 'type', 'retry'].map(
    (name) => form.get(name) ?? '',
  );
  checkVisible('id', id, 'too-large');
  checkVisible('type', type, 'too-large');
  if (id === EARLIEST || id.startsWith('#')) {
    throw invalid(`The id is ${JSON.stringify(id)}; it may not begin with # nor be ${EARLIEST}`);
  }
  if (type === SUBSCRIPTION_TYPE) throw invalid(`The type is ${type}, which is the hub's own`);
  checkType(type);
  if (retry !== '' && !/^\d{1,15}$/.test(retry)) {
    throw invalid('The field retry is no number of milliseconds, which has digits alone');
  }
  checkRetry(retry === '' ? undefined : Number(retry), limits.maxRetryMs);
  checkData(data, limits.maxEventBytes);
  return {
    data,
    ...(id === '' ? {} : { id: keptId(id) }),
    ...(type === '' ? {} : { event: type }),
    ...(retry === '' ? {} : { retry: Number(retry) }),
  };
}

function invalid(detail: string): Problem {
  return new Problem('invalid-parameter', detail);
}
