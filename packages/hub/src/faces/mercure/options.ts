import { shown } from '@tidings/server/log';
import { checkNames, HubError } from '../../errors.ts';

/** A dialect of the protocol: `new` is that of its drafts from 08 on, `old` is that of hubs before 1.0. */
export type MercureDialect = 'new' | 'old';

export interface MercureOptions {
  /** The dialects that are spoken. A request with `topic` is of the old one, a request with `match` of the new one. @default both */
  readonly dialects?: readonly MercureDialect[] | undefined;
  /**
   * Origins of pages that may publish with a cookie, such as `https://example.com`. @default the hub's own pages, and its option `allowedOrigins`
   */
  readonly publishOrigins?: readonly string[] | undefined;
  /** The names of the cookies that may hold a token. @default `__Secure-mercure_access_token` and `mercureAuthorization` */
  readonly cookies?: Readonly<Partial<Record<MercureDialect, string | undefined>>> | undefined;
  /**
   * Whether active subscriptions are listed, and told by private events. These are events of the log: a listener that comes or goes publishes one for each of
   * its matchers, within the hub's `limits.maxSubscriptionEventsPerSecond`. @default false
   */
  readonly subscriptions?: boolean | undefined;
  /** The longest that a listener is connected, in milliseconds, if its token does not end before. Then it comes back. @default unbounded */
  readonly maxConnectionMs?: number | undefined;
}

/** The options with the defaults filled in. */
export interface MercureSettings {
  readonly dialects: readonly [MercureDialect, ...MercureDialect[]];
  readonly publishOrigins: ReadonlySet<string> | undefined;
  readonly cookies: Readonly<Record<MercureDialect, string>>;
  readonly subscriptions: boolean;
  readonly maxConnectionMs: number;
}

const NAMES: Readonly<Record<keyof MercureOptions, true>> = {
  dialects: true,
  publishOrigins: true,
  cookies: true,
  subscriptions: true,
  maxConnectionMs: true,
};

const DIALECTS: readonly MercureDialect[] = ['new', 'old'];
const COOKIES = { new: '__Secure-mercure_access_token', old: 'mercureAuthorization' } as const;

/** @throws {HubError} `ERR_INVALID_OPTION` */
export function checkMercureOptions(options: MercureOptions): MercureSettings {
  checkNames('', options, NAMES);
  const { dialects = DIALECTS, publishOrigins, cookies = {}, subscriptions = false, maxConnectionMs } = options;
  checkNames('cookies.', cookies, COOKIES);
  checkList('dialects', dialects, (name) => DIALECTS.some((each) => each === name), 'new or old');
  if (publishOrigins) checkList('publishOrigins', publishOrigins, isOrigin, 'an origin, such as https://example.com');
  const [first, ...others] = dialects;
  if (first === undefined) throw invalid('dialects', dialects, 'not empty');
  const names = { new: cookies.new ?? COOKIES.new, old: cookies.old ?? COOKIES.old };
  for (const dialect of DIALECTS) {
    if (typeof names[dialect] === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(names[dialect])) continue;
    throw invalid(`cookies.${dialect}`, names[dialect], 'the name of a cookie');
  }
  if (typeof subscriptions !== 'boolean') throw invalid('subscriptions', subscriptions, 'true or false');
  if (maxConnectionMs !== undefined && !(Number.isSafeInteger(maxConnectionMs) && maxConnectionMs > 0)) {
    throw invalid('maxConnectionMs', maxConnectionMs, 'a whole number from 1');
  }
  return {
    dialects: [first, ...others],
    publishOrigins: publishOrigins && new Set(publishOrigins),
    cookies: names,
    subscriptions,
    maxConnectionMs: maxConnectionMs ?? Number.POSITIVE_INFINITY,
  };
}

function checkList(name: string, list: unknown, fits: (value: unknown) => boolean, allowed: string): void {
  if (!Array.isArray(list)) throw invalid(name, list, `an array, each of whose members is ${allowed}`);
  const strange = list.findIndex((value) => !fits(value));
  if (strange !== -1) throw invalid(`${name}[${strange}]`, list[strange], allowed);
}

function isOrigin(value: unknown): boolean {
  return typeof value === 'string' && URL.canParse(value) && new URL(value).origin === value;
}

function invalid(name: string, found: unknown, allowed: string): HubError {
  return new HubError(
    'ERR_INVALID_OPTION',
    `The option ${name} of mercure() is ${shown(found)}, but must be ${allowed}`,
  );
}
