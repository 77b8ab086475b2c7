/** Plays scenarios in a Worker, as the answer to a request that names their server. */
import { listenForReports, perform } from './scenario-player.ts';

listenForReports();

// oxlint-disable-next-line import/no-default-export -- this is what a Worker is
export default {
  async fetch({ url }: Request): Promise<Response> {
    await perform(new URL(url).searchParams.get('server') ?? '');
    return new Response('played');
  },
};
