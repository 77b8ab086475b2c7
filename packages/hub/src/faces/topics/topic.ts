import { parameter } from '@tidings/server/live';
import { MAX_NAME_BYTES } from '@tidings/server/log';
import { Problem } from '../../http/problem.ts';

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Checks a topic and returns it (PROTOCOL §1). @throws {Problem} `invalid-topic` */
export function checkTopic(topic: string): string {
  const length = Buffer.byteLength(topic);
  if (length === 0) throw new Problem('invalid-topic', 'The topic is empty; it must be 1 to 1024 bytes of UTF-8');
  if (length > MAX_NAME_BYTES) {
    throw new Problem('invalid-topic', `The topic is ${length} bytes long; at most ${MAX_NAME_BYTES} are allowed`);
  }
  if (topic === '.' || topic === '..') {
    throw new Problem('invalid-topic', `The topic ${JSON.stringify(topic)} is not allowed, because URLs drop it`);
  }
  if (CONTROL.test(topic))
    throw new Problem('invalid-topic', `The topic ${JSON.stringify(topic)} has a control character`);
  return topic;
}

/** Returns the topic of the rest of a path: percent-decoded, with its slashes (PROTOCOL §3.1). @throws {Problem} `invalid-topic` */
export function topicOfPath(rest: string): string {
  if (rest.endsWith('/')) {
    const name = rest.slice(0, -1);
    throw new Problem(
      'invalid-topic',
      `The path ends with a slash: did you mean /topics/${name}? A topic that ends with a slash is written /topics/${name}%2F`,
    );
  }
  try {
    return checkTopic(decodeURIComponent(rest));
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('invalid-topic', `The path ${JSON.stringify(rest)} is not percent-encoded UTF-8`, {
      cause: error,
    });
  }
}

/**
 * The topic that `POST /topics?topic=…` names, for names that not every proxy passes on in a path (PROTOCOL §3.3).
 * @throws {Problem} `invalid-topic` @throws {ServerError} `ERR_INVALID_PARAMETER`
 */
export function topicOfQuery(query: URLSearchParams): string {
  const topic = parameter(query, 'topic');
  if (topic !== undefined) return checkTopic(topic);
  throw new Problem('invalid-topic', 'No topic is named; name one as /topics/{topic} or as /topics?topic={topic}');
}

/** Whether a URL has its topic in the query: its path names none. */
export function isTopicInQuery({ pathname }: URL): boolean {
  return pathname === '/topics' || pathname === '/topics/';
}
