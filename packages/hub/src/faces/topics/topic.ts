import { parameter } from '@tidings/server/live';
import { Problem } from '../../http/problem.ts';
import { checkTopic } from './bodies/checks.ts';

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
 * The topic that `POST /topics?topic=…` names, for names that not every proxy passes on in a path (PROTOCOL §3.3). Undefined if it names none.
 * @throws {Problem} `invalid-topic` @throws {ServerError} `ERR_INVALID_PARAMETER`
 */
export function topicOfQuery(query: URLSearchParams): string | undefined {
  const topic = parameter(query, 'topic');
  return topic === undefined ? undefined : checkTopic(topic);
}

/** Whether a URL has its topic in the query: its path names none. */
export function isTopicInQuery({ pathname }: URL): boolean {
  return pathname === '/topics' || pathname === '/topics/';
}
