import { ask } from '../http/ask.ts';
import { type HubAddress, topicUrl } from '../http/hub-address.ts';
import { notice, print, visible } from '../terminal/output.ts';

export interface LeaseRequest {
  readonly hub: HubAddress;
  readonly topic: string;
  /** How long the lease lasts, in milliseconds. */
  readonly ms: number;
  /** The token of the lease to renew. @default the topic is leased anew */
  readonly token?: string | undefined;
  /** Whether to print the answer as JSON. */
  readonly json: boolean;
}

/**
 * Leases a topic, or renews its lease, and prints the token (PROTOCOL §12.5).
 *
 * @throws {CliError} `ERR_REFUSED`, `ERR_UNREACHABLE`
 */
export async function leaseTopic({ hub, topic, ms, token, json }: LeaseRequest): Promise<void> {
  const url = topicUrl(hub.url, topic);
  url.searchParams.set('lease', `${ms}ms`);
  const { text } = await ask(hub, url, { method: 'PUT', headers: tokenField(token) });
  const { lease, until } = JSON.parse(text) as { readonly lease: string; readonly until: string };
  await print(json ? `${JSON.stringify({ topic, token: lease, until })}\n` : `${lease}\n`);
  if (json) return;
  const done = token === undefined ? 'Leased' : 'Renewed the lease of';
  notice(`${done} ${visible(topic)} until ${until}. The hub closes it then, unless it is renewed or released before`);
}

/** Gives the lease of a topic back (PROTOCOL §12.7). @throws {CliError} `ERR_REFUSED`, `ERR_UNREACHABLE` */
export async function releaseTopic(hub: HubAddress, topic: string, token: string): Promise<void> {
  const url = topicUrl(hub.url, topic);
  url.searchParams.set('lease', '');
  await ask(hub, url, { method: 'DELETE', headers: tokenField(token) });
  notice(`Released ${visible(topic)}`);
}

function tokenField(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { 'tidings-lease': token };
}
