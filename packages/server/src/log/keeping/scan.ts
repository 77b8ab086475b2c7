import type { LogEntry } from '../entry.ts';
import type { Selector } from '../selection.ts';
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
