import { hubClockOffset } from './hub-clock.ts';
import { readRefusal } from './publish.ts';
import { readObject } from './read-object.ts';

/** What a hub gives a listener that can send no header field (PROTOCOL §15.6). Times are in milliseconds since 1970, by the clock of this machine. */
export interface Ticket {
  readonly ticket: string;
  /** When it is no longer good if nobody has used it. */
  readonly useBy: number;
  readonly expiresAt: number;
}

export type TicketAnswer = Ticket | { readonly detail: string };

/** How long the hub has for its answer, in milliseconds. */
const ANSWER_MS = 20_000;

/** Gets a ticket, or why there is none. Never throws. */
export async function getTicket(url: string, headers: Record<string, string>): Promise<TicketAnswer> {
  try {
    const response = await fetch(url, { method: 'POST', headers, signal: AbortSignal.timeout(ANSWER_MS) });
    const body = await response.text();
    if (response.status === 404) return { detail: 'This hub gives no tickets, because it takes no tokens.' };
    if (!response.ok) return { detail: `The hub gave no ticket. ${readRefusal(body, response.status).detail}` };
    const { ticket, useBy, expiresAt } = readObject(body);
    const ahead = hubClockOffset(response.headers.get('Date'), Date.now());
    const times = [useBy, expiresAt].map((time) => Date.parse(String(time)) - ahead);
    const [first = Number.NaN, last = Number.NaN] = times;
    if (typeof ticket !== 'string' || Number.isNaN(first) || Number.isNaN(last)) throw new TypeError('no ticket');
    return { ticket, useBy: first, expiresAt: last };
  } catch {
    return { detail: 'The hub gave no answer. Try again.' };
  }
}
