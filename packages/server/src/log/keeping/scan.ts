import type { LogEntry } from '../entry.ts';
import type { LogPage, ReadRequest } from '../event-log.ts';
import { Selector } from '../selection.ts';
import { ENTRY_STEPS, type Turn } from './turns.ts';

/**
 * Whether a scan's next entry is selected; undefined if the turn was over before that was known. What was found out is remembered, so the
 * next turn gets further: an entry may have many topics, and a topic may take a while to match.
 */
export function isSelected(selector: Selector, entry: LogEntry, turn: Turn): boolean | undefined {
  turn.steps += ENTRY_STEPS;
  for (const [index, topic] of entry.topics.entries()) {
    if (selector.topics.has(topic, turn)) return selector.sees(entry);
    if (turn.isOver && index < entry.topics.length - 1) return undefined;
  }
  return false;
}

/**
 * As much of a page as the turn allows; undefined if that is nothing.
 * @param entries those behind the request's `after`, oldest first
 */
export function takePage(
  entries: Iterable<LogEntry>,
  { selection, after, through, maxBytes }: ReadRequest,
  turn: Turn,
): Pick<LogPage, 'entries' | 'through'> | undefined {
  const selector = Selector.of(selection);
  const taken: LogEntry[] = [];
  let bytes = 0;
  let reached = through;
  for (const entry of entries) {
    if (entry.seq > through) break;
    const selected = isSelected(selector, entry, turn);
    if (selected) {
      taken.push(entry);
      bytes += entry.frame.length;
    }
    if (selected === undefined || bytes >= maxBytes || turn.isOver) {
      reached = selected === undefined ? entry.seq - 1 : entry.seq;
      break;
    }
  }
  if (reached <= after && reached < through) return undefined;
  return { entries: taken, through: reached };
}
