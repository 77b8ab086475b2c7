import { CliError } from '../errors.ts';
import { describeFailure, unreachable } from './failure.ts';
import { authorization, type HubAddress } from './hub-address.ts';
import { describeRefusal, type HubRequest, type HubResponse, send } from './request.ts';

/** How long one request may take, in milliseconds. Deleting a topic with very many events takes a while. */
export const REQUEST_TIMEOUT_MS: number = 10 * 60_000;

export type Asked = Pick<HubRequest, 'method' | 'body' | 'maxBytes'> & {
  readonly headers?: Readonly<Record<string, string>>;
};

/** Makes one request, which has to succeed. @throws {CliError} `ERR_REFUSED`, `ERR_UNREACHABLE` */
export async function ask(hub: HubAddress, url: URL, { headers = {}, ...request }: Asked): Promise<HubResponse> {
  let response: HubResponse;
  try {
    const all = { ...authorization(hub), ...headers };
    response = await send(url, { ...request, headers: all, timeoutMs: REQUEST_TIMEOUT_MS });
  } catch (error) {
    throw unreachable('reach', hub, describeFailure(error), error);
  }
  if (response.status >= 300) {
    // An answer to HEAD has no body that says why.
    if (request.method === 'HEAD')
      await ask(hub, pageOf(url), { method: 'GET', headers: { accept: 'application/json' } });
    throw new CliError('ERR_REFUSED', describeRefusal(response));
  }
  return response;
}

/** The shortest page of a topic (PROTOCOL §14), which is refused for the same reason as HEAD. */
function pageOf(url: URL): URL {
  const page = new URL(url);
  page.searchParams.set('limit', '1');
  return page;
}
