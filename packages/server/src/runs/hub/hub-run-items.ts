import { GAP_TYPE } from '@tidings/wire';
import { EARLIEST } from '../../log/position.ts';
import { GONE, type ItemsContext, RunItems } from '../store/run-items.ts';
import { placeOf, type RunPlace } from '../store/run-place.ts';
import type { RunItem } from '../store/run.ts';
import { AWAY_MS, hubEvents } from './hub-events.ts';
import type { HubGap, HubPatience, HubTopics } from './hub-topics.ts';

/** The items of a run behind a place, and then what its producer makes, to its end. */
export async function* hubRunItems(
  topics: HubTopics,
  topic: string,
  context: ItemsContext,
  { after: given, signal }: { readonly after: string | undefined; readonly signal: AbortSignal },
): AsyncGenerator<RunItem, void, undefined> {
  const { after, gap } = await placeAtHub(topics, topic, given, { signal, ms: AWAY_MS });
  if (gap) yield gap;
  const maker = new RunItems(context, after === undefined);
  let isGone = false;
  let hasRead = after === undefined;
  const isThere = async (): Promise<boolean> => {
    // The run may begin while the first answer is on its way.
    isGone = (await isMissing(topics, topic, signal)) && (await isMissing(topics, topic, signal));
    return !isGone;
  };
  const lastEventId = after ?? EARLIEST;
  const events = hubEvents({ connection: topics.connection, topic, lastEventId, signal, isThere });
  for await (const { type, data, lastEventId: id } of events) {
    if (type === GAP_TYPE) {
      const told = JSON.parse(data) as HubGap;
      if (hasRead && told.reason === 'deleted') {
        // What follows is a run that was begun anew with this id.
        yield GONE;
        return;
      }
      hasRead = true;
      yield { type: 'gap', gap: told };
      continue;
    }
    hasRead = true;
    for (const item of await maker.of({ id, type, data }, false)) {
      yield item;
      if (item.type === 'end') return;
    }
  }
  if (signal.aborted) return;
  if (isGone) yield GONE;
  // Somebody else has closed the topic, with an event of their own, or the end was trimmed.
  else if (hasRead) yield await foreignEnd(topics, topic);
}

/** Where a reading of a run at a hub begins. */
export async function placeAtHub(
  topics: HubTopics,
  topic: string,
  given: string | undefined,
  patience: HubPatience,
): Promise<RunPlace> {
  return await placeOf(given, async (lastEventId) => {
    const { events, gap } = await topics.page(topic, { lastEventId, limit: '1' }, patience);
    return { next: events[0], missing: gap?.reason };
  });
}

/** Whether there is no run: nobody knows the topic, or who has made it known has gone before it had a lease. */
async function isMissing(topics: HubTopics, topic: string, signal: AbortSignal): Promise<boolean> {
  const { state, events } = await topics.page(topic, { last: '1' }, { signal });
  if (state !== 'open' || events.length > 0) return state === 'unknown';
  return (await topics.leasedUntil(topic)) === undefined;
}

async function foreignEnd(topics: HubTopics, topic: string): Promise<RunItem> {
  const [last] = (await topics.page(topic, { last: '1' })).events;
  return last ? { type: 'end', id: last.id, state: 'done' } : GONE;
}
