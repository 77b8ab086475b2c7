import { CliError } from '../errors.ts';
import { ask } from '../http/ask.ts';
import { type HubAddress, topicUrl } from '../http/hub-address.ts';
import { print, visible } from '../terminal/output.ts';

/** The fields in which a hub tells what it knows of a topic, beside its state and the number of its events (PROTOCOL §12.9). */
const FIELDS = {
  leasedUntil: 'tidings-leased-until',
  earliest: 'tidings-earliest',
  newest: 'tidings-newest',
  ttl: 'tidings-ttl',
  keep: 'tidings-keep',
} as const;

/**
 * Prints what the hub tells of a topic.
 *
 * @throws {CliError} `ERR_REFUSED` also if there is no such topic, `ERR_UNREACHABLE`
 */
export async function showTopic(hub: HubAddress, topic: string, json: boolean): Promise<void> {
  const { headers } = await ask(hub, topicUrl(hub.url, topic), { method: 'HEAD' });
  const told = (name: string): string | undefined => headers[name]?.toString();
  const state = told('tidings-state');
  const where = `${visible(topic)} at ${hub.url.href}`;
  if (state === undefined) throw new CliError('ERR_REFUSED', `the server does not tell the state of ${where}`);
  if (state === 'unknown') throw new CliError('ERR_REFUSED', `there is no topic ${where}`);
  const events = told('tidings-events');
  const known: Record<string, string | number | undefined> = {
    events: events === undefined ? undefined : Number(events),
  };
  for (const [name, field] of Object.entries(FIELDS)) known[name] = told(field);
  if (json) return await print(`${JSON.stringify({ topic, state, ...known })}\n`);
  const { leasedUntil, ...rest } = known;
  const lines = Object.entries({ topic: visible(topic), state, 'leased until': leasedUntil, ...rest });
  await print(
    lines
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name.padEnd(14)}${value}\n`)
      .join(''),
  );
}
