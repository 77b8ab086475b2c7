import type { ConnectionError } from '@tidings/client';
import { describeRefusal, send } from './request.ts';

/** How long asking for the reason of a refusal may take, in milliseconds. */
const EXPLAIN_TIMEOUT_MS = 5_000;

/** Why a subscription has ended. The request is sent once more, because the reason of a refusal is in a body that the subscription does not read. */
export async function explainEnd(error: ConnectionError, url: URL, headers: Record<string, string>): Promise<string> {
  if (error.status === undefined || error.status === 200) return error.message;
  try {
    const response = await send(url, {
      method: 'GET',
      headers: { ...headers, accept: 'text/event-stream' },
      timeoutMs: EXPLAIN_TIMEOUT_MS,
    });
    return response.status === error.status ? describeRefusal(response) : error.message;
  } catch {
    return error.message;
  }
}
