import { createHash } from 'node:crypto';
import { type Answer, may } from '@tidings/server/live';
import { formatCursor, TopicTest } from '@tidings/server/log';
import { unauthorized } from '../../access/refusal.ts';
import { preferred } from '../../http/preference.ts';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';
import { hubBase, hubUrl, SUBSCRIPTIONS, subscriptionPath } from './addresses.ts';
import { grantOf } from './grants.ts';
import { sentId } from './names.ts';
import type { MercureDialect, MercureSettings } from './options.ts';
import { SUBSCRIPTION_TYPE } from './publish.ts';
import { CONTEXT, documentOf, type Subscription, type Subscriptions, type Wanted } from './subscriptions.ts';

const MEDIA_TYPES = { new: 'application/json', old: 'application/ld+json' } as const;

/** Answers with one, some or all active subscriptions. @throws {Problem} `unauthorized`, `forbidden`, `not-found` */
export async function answerSubscriptions(
  context: FaceContext,
  settings: MercureSettings,
  subscriptions: Subscriptions,
  exchange: Exchange,
): Promise<Answer> {
  const { request, url, rights } = exchange;
  await context.ready(exchange);
  const hub = hubBase(context);
  const variables = variablesOf(url.pathname);
  const path = subscriptionPath(hub, variables);
  const { subject, listen = 'all', private: seen = [] } = rights;
  if (subject === undefined) throw unauthorized('The request has no token, and needs one to read subscriptions');
  if (!may(rights, 'listen', path) || !new TopicTest(seen).has(path)) {
    throw new Problem('forbidden', `The token does not allow to subscribe to ${JSON.stringify(path)}`);
  }
  const dialect = dialectOf(settings, exchange);
  const wanted = wantedOf(dialect, variables, path);
  // The place of what happens from now on. Who may not know of all private events is told one before it. What the processes tell of is at least as new.
  const { fanOut } = context;
  const position = seen === 'all' && listen === 'all' ? fanOut.position : fanOut.publicPosition;
  const found = await subscriptions.list(wanted);
  context.requireHolding(exchange);
  const isOne = variables.length === (dialect === 'new' ? 3 : 2);
  if (isOne && found.length === 0) throw nothingAt(path);
  const cursor = sentId(formatCursor(position));
  const [only] = found;
  const document = isOne && only ? documentOf(only, true) : collection(dialect, path, found);
  const body = `${JSON.stringify(dialect === 'new' ? document : { ...document, lastEventID: cursor })}\n`;
  const type = dialect === 'new' ? `; type="${SUBSCRIPTION_TYPE}"` : '';
  const headers = {
    'Content-Type': MEDIA_TYPES[dialect],
    'Cache-Control': 'private, no-cache',
    ETag: `"${createHash('sha256').update(body).digest('base64url')}"`,
    Link: `<${hubUrl(context, url)}>; rel="mercure"; last-event-id="${cursor}"${type}; content-type="${MEDIA_TYPES[dialect]}"`,
  };
  const known =
    request
      .header('if-none-match')
      ?.split(',')
      .map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  if (known.includes(headers.ETag) || known.includes('*')) return { status: 304, headers };
  return { status: 200, headers, body };
}

/** The dialect of the token, else what the request prefers. */
function dialectOf({ dialects }: MercureSettings, { request, rights }: Exchange): MercureDialect {
  const [first, other] = dialects;
  if (other === undefined) return first;
  const wished = preferred(request, [MEDIA_TYPES.new, MEDIA_TYPES.old]);
  return grantOf(rights)?.dialect ?? (wished === MEDIA_TYPES.old ? 'old' : 'new');
}

/** @throws {Problem} `not-found` */
function variablesOf(pathname: string): readonly string[] {
  const rest = pathname.slice(SUBSCRIPTIONS.length + 1);
  try {
    return rest === '' ? [] : rest.split('/').map(decodeURIComponent);
  } catch {
    throw nothingAt(pathname);
  }
}

/** @throws {Problem} `not-found` for a path of another form */
function wantedOf(dialect: MercureDialect, variables: readonly string[], path: string): Wanted {
  if (variables.length === 0) return { dialect };
  const [first, second, third] = variables;
  if (variables.length > (dialect === 'new' ? 3 : 2) || variables.includes('')) throw nothingAt(path);
  if (dialect === 'old') return { dialect, match: first, subscriber: second };
  if (second === undefined) throw nothingAt(path);
  return { dialect, type: first, match: second, subscriber: third };
}

function collection(dialect: MercureDialect, path: string, found: readonly Subscription[]): Record<string, unknown> {
  const subscriptions = found.map((each) => {
    const { '@context': _known, ...document } = documentOf(each, true);
    return document;
  });
  if (dialect === 'new') return { id: path, type: 'subscriptions', subscriptions };
  return { '@context': CONTEXT, id: path, type: 'Subscriptions', subscriptions };
}

function nothingAt(path: string): Problem {
  return new Problem('not-found', `There is no subscription at ${path}`);
}
