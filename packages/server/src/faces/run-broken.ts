import { ServerError } from '../errors.ts';
import type { RunItem } from '../runs/index.ts';

/** The error of a reader that cannot get all of a run; undefined if it can. */
export function brokenBy(id: string, item: RunItem): ServerError | undefined {
  const reason = whyBroken(item);
  if (reason === undefined) return undefined;
  return new ServerError('ERR_RUN_BROKEN', `The run ${JSON.stringify(id)} ${reason}`);
}

function whyBroken(item: RunItem): string | undefined {
  if (item.type === 'gap') return 'is no longer kept from the place where it was to be read';
  if (item.type !== 'end') return undefined;
  switch (item.state) {
    case 'failed':
      return `has failed: ${item.error ?? 'its producer gave no reason'}`;
    case 'lost':
      return 'is lost: its producer has gone without a word';
    case 'unknown':
      return 'was deleted while it was read, or its time to live is over';
    case 'done':
    case 'stopped':
      return undefined;
  }
}
