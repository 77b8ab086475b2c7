import type { Authenticate } from '@tidings/server';
import type { Clock } from '@tidings/server/live';
import type { EventLog } from '@tidings/server/log';
import type { PublicUrl } from '../http/public-url.ts';
import type { HubLimits } from '../limits.ts';
import type { Processes } from '../processes/processes.ts';
import type { Reports } from '../reports.ts';
import { Access } from './access.ts';
import { authenticateByToken } from './authentication.ts';
import { authenticateByKey, checkAccess, type KeyOptions, LOCAL } from './key.ts';
import type { TokenOptions } from './tokens/options.ts';
import { Tokens } from './tokens/tokens.ts';

/** The name of the cookie that may hold a token, if the options name no other. */
const COOKIE = 'tidings_token';

export interface EntryOptions extends KeyOptions {
  readonly log: EventLog;
  readonly authenticate?: Authenticate | undefined;
  readonly tokens?: TokenOptions | undefined;
}

/** Whether only its address keeps strangers out of a hub (PROTOCOL §9.1). */
export function isKeyless({
  authenticate,
  key,
  adminKey,
  tokens,
  anonymous = 'none',
}: Omit<EntryOptions, 'log'>): boolean {
  return (authenticate ?? key ?? adminKey ?? tokens) === undefined && anonymous === 'none';
}

export interface EntryParts {
  readonly clock: Clock;
  readonly publicUrl: PublicUrl;
  readonly reports: Reports;
  readonly limits: HubLimits;
  readonly processes: Processes;
}

/**
 * How a hub finds out what the sender of a request may do, and what it keeps for that.
 * @throws {HubError} `ERR_INVALID_OPTION`
 */
export function entryOf(
  options: EntryOptions,
  { clock, publicUrl, reports, limits, processes }: EntryParts,
): { readonly authenticate: Authenticate; readonly access: Access | undefined } {
  // The guard of the origins has found by then that the request is of this machine.
  if (isKeyless(options)) return { authenticate: () => LOCAL, access: undefined };
  if (!options.tokens) return { authenticate: options.authenticate ?? authenticateByKey(options), access: undefined };
  const { keys, everyone } = checkAccess(options, true);
  const tokens = new Tokens(options.tokens, {
    clock,
    audience: publicUrl.href,
    warn: (about, message) => reports.warn(about, message),
  });
  const access = new Access(options.log, clock, limits, processes, { tokens, everyone });
  const { tickets, revocations } = access;
  const parts = { keys, everyone, tokens, tickets, revocations, cookie: options.tokens.cookie ?? COOKIE };
  return { authenticate: authenticateByToken({ ...parts, topicsBase: publicUrl.topicsBase }), access };
}
