import { randomUUID } from 'node:crypto';
import { CliError } from '../errors.ts';
import { describeFailure, unreachable } from '../http/failure.ts';
import { authorization, type HubAddress, topicUrl } from '../http/hub-address.ts';
import { describeRefusal, send } from '../http/request.ts';

/** How long one request may take, in milliseconds. */
const REQUEST_TIMEOUT_MS = 60_000;

/** How long a close is sent again while the hub does not answer, in milliseconds. */
const PATIENCE_MS = 5_000;

const WAIT_MS = 250;

export interface TopicClose {
  readonly hub: HubAddress;
  readonly topic: string;
  /** The data of the final event. @default the hub's own event closes the topic */
  readonly data?: string | undefined;
  /** @default 'message' */
  readonly type?: string | undefined;
  /** @default the cursor that the hub gives it */
  readonly id?: string | undefined;
}

/**
 * Closes a topic with its final event, and prints the id of that (PROTOCOL §12.1).
 *
 * @throws {CliError} `ERR_REFUSED`, `ERR_UNREACHABLE`
 */
export async function closeTopic({ hub, topic, data = '', type, id }: TopicClose): Promise<void> {
  const url = topicUrl(hub.url, topic);
  url.searchParams.set('close', '');
  if (type !== undefined) url.searchParams.set('type', type);
  if (id !== undefined) url.searchParams.set('id', id);
  // The same key each time, so that a request whose answer was lost can be sent again (PROTOCOL §4.6).
  const headers = {
    ...authorization(hub),
    'content-type': 'text/plain; charset=utf-8',
    'idempotency-key': randomUUID(),
  };
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    let failure: CliError;
    try {
      const response = await send(url, { method: 'POST', headers, body: data, timeoutMs: REQUEST_TIMEOUT_MS });
      if (response.status === 200) {
        process.stdout.write(`${response.text}\n`);
        return;
      }
      failure = new CliError('ERR_REFUSED', describeRefusal(response));
      if (response.status < 500 && response.status !== 429) throw failure;
    } catch (error) {
      if (error instanceof CliError) throw error;
      failure = unreachable('publish to', hub, describeFailure(error), error);
    }
    if (performance.now() + WAIT_MS > deadline) throw failure;
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
}
