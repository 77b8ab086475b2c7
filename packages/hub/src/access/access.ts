import type { Rights } from '@tidings/server';
import type { Audience, Clock } from '@tidings/server/live';
import type { EventLog } from '@tidings/server/log';
import { HubError } from '../errors.ts';
import type { HubLimits } from '../limits.ts';
import type { Processes } from '../processes/processes.ts';
import type { Reports } from '../reports.ts';
import { type Revocable, revocableOf, Revocations } from './revocations.ts';
import { Tickets } from './tickets.ts';
import type { Tokens } from './tokens/tokens.ts';

/** What checks the tokens of a hub, and what it keeps of them. */
export class Access {
  readonly tokens: Tokens;
  /** What everyone may do, also with a token that does not say so. */
  readonly everyone: Rights;
  readonly tickets: Tickets;
  readonly revocations: Revocations;

  /** @throws {HubError} `ERR_INVALID_OPTION` if the log keeps no values */
  constructor(
    { values }: EventLog,
    clock: Clock,
    { maxTicketsPerSubject }: HubLimits,
    processes: Processes,
    { tokens, everyone }: Pick<Access, 'tokens' | 'everyone'>,
  ) {
    if (!values) {
      throw new HubError(
        'ERR_INVALID_OPTION',
        'The option tokens needs a log that keeps values, in which revocations and tickets outlive the hub',
      );
    }
    this.tokens = tokens;
    this.everyone = everyone;
    this.tickets = new Tickets(values, clock, maxTicketsPerSubject, processes);
    this.revocations = new Revocations(values, clock);
  }

  /** Ends the streams and the leases of those from whom something was or is revoked, from now on. */
  watch(log: EventLog, audience: Audience, reports: Reports): void {
    const { revocations } = this;
    revocations.start((covers) => {
      audience.kick(covers);
      endLeases(log, revocations).catch((error: unknown) =>
        reports.error(error, 'The leases of revoked tokens could not be ended'),
      );
    });
  }
}

/** The holder of a lease, as the log keeps it; undefined if it cannot be revoked. */
export function holderOf(rights: Rights): string | undefined {
  const revocable = revocableOf(rights);
  return revocable && JSON.stringify(revocable);
}

/** Ends a lease now. Its topic is closed, because its producer may publish no more. */
export async function endLease({ topics }: EventLog, topic: string, token: string): Promise<void> {
  // It may have ended or been given back meanwhile.
  await topics?.lease(topic, 1, { token }).catch(() => {});
}

/** Ends the leases of those from whom something was revoked. */
async function endLeases(log: EventLog, revocations: Revocations): Promise<void> {
  for (const { topic, token, holder } of (await log.topics?.leases()) ?? []) {
    const revocable = holder === undefined ? undefined : readHolder(holder);
    if (revocable && revocations.has(revocable)) await endLease(log, topic, token);
  }
}

/** Reads what {@link holderOf} gave; undefined for the holder of a lease that the program took itself. */
function readHolder(holder: string): Revocable | undefined {
  try {
    const read: unknown = JSON.parse(holder);
    return typeof read === 'object' && read !== null && 'issuedAt' in read ? (read as Revocable) : undefined;
  } catch {
    return undefined;
  }
}
