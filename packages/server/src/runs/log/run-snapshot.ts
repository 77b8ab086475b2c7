import { readEvent } from '../../audience/event-reader.ts';
import type { EventLog, LogPage } from '../../log/event-log.ts';
import { gapInPage, knownAfter, type ReadingPlace, toldGap } from '../../log/page-gap.ts';
import { EARLIEST, formatCursor } from '../../log/position.ts';
import type { Selection } from '../../log/selection.ts';
import { findStart } from '../../log/start.ts';
import type { RunItem } from '../store/run.ts';
import { type ItemsContext, RunItems } from '../store/run-items.ts';
import { placeInLog } from './run-place.ts';

const PAGE_BYTES = 1024 * 1024;

/** What is stored of a run now, behind a place. */
export async function snapshotOf(
  context: ItemsContext & { readonly log: EventLog; readonly selection: Selection },
  given: string | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly RunItem[]> {
  const { log, selection } = context;
  const { after, gap } = await placeInLog(context, given);
  const { head, epoch = '' } = await log.locate(EARLIEST, selection, { signal });
  const start = await findStart(log, selection, { lastEventId: after ?? EARLIEST }, { signal });
  if (start.type !== 'after') return [];
  const { after: position, told, trims, sent, misplaced } = start;
  const maker = new RunItems(context, after === undefined);
  const items: RunItem[] = gap ? [gap] : [];
  let place: ReadingPlace = { position, told, trims, sent, misplaced };
  while (place.position < head || place.misplaced !== undefined) {
    const through = Math.max(head, place.position);
    const page: LogPage = await log.read(
      { selection, after: place.position, through, maxBytes: PAGE_BYTES },
      { signal },
    );
    const missing = gapInPage(place, page);
    if (missing) items.push({ type: 'gap', gap: toldGap(missing, (seq) => formatCursor({ epoch, seq })) });
    for (const entry of page.entries) {
      items.push(...(await maker.of(readEvent(entry), entry.final === true)));
    }
    place = { position: page.through, ...knownAfter(place, page) };
  }
  return items;
}
