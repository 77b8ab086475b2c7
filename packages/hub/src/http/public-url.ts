import { HubError } from '../errors.ts';

// What stands for the URL of a hub that has no public one, where the host of a request may not: its sender would choose what its rights cover.
const UNKNOWN = new URL('http://localhost/');

/** The beginnings of the hub's own paths. A prefix with such a beginning could not be told from them. */
const OWN_PATHS: readonly string[] = ['topics', 'healthz', 'tickets', 'revocations', 'listeners', '.well-known'];

/** The URL by which clients reach the hub, if it is not the one in their requests. */
export class PublicUrl {
  readonly #url: URL | undefined;
  /** The path before the hub's own, without the slash at its end. */
  readonly #prefix: string;

  /** @param url an absolute URL of http: or https: @throws {HubError} `ERR_INVALID_OPTION` */
  constructor(url: string | undefined) {
    this.#url = url === undefined ? undefined : checkUrl(url);
    this.#prefix = this.#url?.pathname.slice(0, -1) ?? '';
  }

  /** The URL; undefined if it is not known. */
  get href(): string | undefined {
    return this.#url?.href;
  }

  /** Whether a page of this origin is the hub's own. */
  isOrigin(origin: string): boolean {
    return this.#url?.origin === origin;
  }

  /** What relative patterns, and the topics that are tested against patterns, are resolved against (PROTOCOL §3.4). No request changes it. */
  get topicsBase(): string {
    return new URL('topics/', this.#url ?? UNKNOWN).href;
  }

  /** The URL of the hub for the sender of a request to this one. It is for answers alone. */
  shownTo(asked: URL): string {
    return (this.#url ?? new URL('/', asked)).href;
  }

  /** The URL without the prefix, which some proxies pass on and others take away. */
  withoutPrefix(asked: URL): URL {
    if (this.#prefix === '' || !asked.pathname.startsWith(`${this.#prefix}/`)) return asked;
    const url = new URL(asked);
    url.pathname = asked.pathname.slice(this.#prefix.length);
    return url;
  }

  /** The URL of the page, for a request to the prefix without the slash at its end. Relative links would not work there. */
  pageOf(asked: URL): string | undefined {
    return this.#prefix !== '' && asked.pathname === this.#prefix ? this.#url?.href : undefined;
  }
}

function checkUrl(text: string): URL {
  if (!/^https?:\/\/./i.test(text) || !URL.canParse(text)) {
    throw invalid(text, 'an absolute URL of http: or https:, such as https://example.com/events/');
  }
  const url = new URL(text);
  const { search, hash, username, password } = url;
  // Not what it is: it has a secret.
  if (username || password)
    throw new HubError('ERR_INVALID_OPTION', 'The option publicUrl has a user or a password, but must have neither');
  if (search || hash) throw invalid(text, 'a URL without a query and a fragment');
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  const [, first = ''] = url.pathname.split('/');
  if (OWN_PATHS.includes(first)) {
    throw invalid(text, `a URL whose path begins with neither of ${OWN_PATHS.map((path) => `/${path}`).join(', ')}`);
  }
  return url;
}

function invalid(found: string, allowed: string): HubError {
  return new HubError('ERR_INVALID_OPTION', `The option publicUrl is ${JSON.stringify(found)}, but must be ${allowed}`);
}
