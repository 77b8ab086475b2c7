import { Publisher, type PublisherOptions } from '@tidings/client/publisher';
import { CliError } from '../errors.ts';
import { authorization, type HubAddress } from '../http/hub-address.ts';

/** The waits between attempts, in milliseconds. They are short, so that the command soon notices that the hub is back. */
const RETRY = { initialMs: 100, maxMs: 3_000, maxRetryAfterMs: 60_000 };

/** @param options those that differ from one use to the other */
export function publisherTo(hub: HubAddress, options: PublisherOptions): Publisher {
  return new Publisher(hub.url, { headers: authorization(hub), retry: RETRY, ...options });
}

/** Whether there was no answer in time. */
export function isGivenUp(error: unknown): boolean {
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: { readonly code?: unknown } };
  return (code === 'ERR_CLOSED' || code === 'ERR_UNCONFIRMED') && cause?.code === undefined;
}

export function refused(text: string, cause: unknown): CliError {
  return new CliError('ERR_REFUSED', text, { cause });
}
