import type { FaceContext } from '../face.ts';

const SUBSCRIPTIONS_BELOW = '/subscriptions';

/** The path of the hub of this protocol, below the public URL. */
export const ROOT = '/.well-known/mercure';
export const SUBSCRIPTIONS: string = `${ROOT}${SUBSCRIPTIONS_BELOW}`;
/** Where the metadata of {@link ROOT} are (RFC 9728, 3.1). */
export const METADATA: string = `/.well-known/oauth-protected-resource${ROOT}`;

/** The URL that patterns and topics are resolved against, and that tokens are for. No request changes it. */
export function hubBase({ topicsBase }: Pick<FaceContext, 'topicsBase'>): string {
  return new URL(`..${ROOT}`, topicsBase).href;
}

/** The URL of the hub, for the sender of a request to this one. */
export function hubUrl({ urlFor }: Pick<FaceContext, 'urlFor'>, url: URL): string {
  return new URL(`.${ROOT}`, urlFor(url)).href;
}

export function metadataUrl({ urlFor }: Pick<FaceContext, 'urlFor'>, url: URL): string {
  return new URL(`.${METADATA}`, urlFor(url)).href;
}

/** Whether a topic is, as a URL, the hub's own path or one below it, on whatever host. */
export function isOwnPath(topic: string, hub: string): boolean {
  return isAtOrBelow(topic, hub, '');
}

/** The same for the paths of subscriptions, which are the topics of the events that tell of them. */
export function isSubscriptionPath(topic: string, hub: string): boolean {
  // Nearly no topic is one, and it is asked at every publish.
  if (!topic.includes('%') && !topic.includes(SUBSCRIPTIONS_BELOW.slice(1))) return false;
  return isAtOrBelow(topic, hub, SUBSCRIPTIONS_BELOW);
}

function isAtOrBelow(topic: string, hub: string, rest: string): boolean {
  const own = [new URL(hub).pathname, ROOT];
  // A topic such as `http:/path` is relative to the one scheme and absolute for the other, and hubs of both may be on the log.
  return SCHEMES.some((scheme) => {
    const base = new URL(hub);
    base.protocol = scheme;
    if (!URL.canParse(topic, base.href)) return false;
    const path = new URL(topic, base.href).pathname.replaceAll(ESCAPED, unreserved);
    return own.some((each) => path === each + rest || path.startsWith(`${each}${rest}/`));
  });
}

const SCHEMES = ['http:', 'https:'];

const ESCAPED = /%[\da-f]{2}/gi;

function unreserved(escaped: string): string {
  const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
  return /[\w.~-]/.test(character) ? character : escaped;
}

/** The path of a subscription, or of several: each variable is percent-encoded once. */
export function subscriptionPath(hub: string, variables: readonly string[]): string {
  return [`${new URL(hub).pathname}/subscriptions`, ...variables.map(encodeURIComponent)].join('/');
}
