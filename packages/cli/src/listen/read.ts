import type { Gap } from '@tidings/client';
import { noticePattern, noticeType, noticeUrl } from '../command-line/topic-names.ts';
import { ask } from '../http/ask.ts';
import { type HubAddress, topicUrl } from '../http/hub-address.ts';
import { describeGap, formatEvent, formatJson, type ReceivedEvent } from './event-format.ts';
import { readStart } from './start.ts';
import { hasColours, notice, print, visible } from '../terminal/output.ts';

/** The most events of a page (PROTOCOL §14.3). */
const PAGE_EVENTS = 1_000;

/** The most bytes of a page that are read. Guards the memory from a server that is no hub. */
const MAX_PAGE_BYTES = 128 * 1024 * 1024;

export interface Read {
  readonly hub: HubAddress;
  readonly topic: string;
  /** The types of the events. None stands for all. */
  readonly types: readonly string[];
  /** A cursor, the id of an event, `earliest`, a time or a duration up to now. @default the first event that is kept */
  readonly since?: string | undefined;
  /** The most events. @default all */
  readonly limit?: number | undefined;
  /** Whether to print one JSON object a line. */
  readonly json: boolean;
}

/** A page of events (PROTOCOL §14). */
interface Page {
  readonly events: readonly ReceivedEvent[];
  readonly next: string;
  readonly gap?: Gap;
}

/**
 * Prints the events of a topic that there are, and ends.
 *
 * @throws {CliError} `ERR_USAGE`, `ERR_UNREACHABLE`, `ERR_REFUSED`
 */
export async function read({ hub, topic, types, since = 'earliest', limit = Infinity, json }: Read): Promise<void> {
  const url = topicUrl(hub.url, topic);
  noticeUrl(topic, hub);
  noticePattern(topic, 'Listen to a pattern with tidings listen --match-urlpattern');
  types.forEach(noticeType);
  for (const type of types) url.searchParams.append('type', type);
  for (const [name, value] of Object.entries(readStart(since))) url.searchParams.set(name, String(value));
  const format = { showTopic: false, colours: hasColours(), now: Date.now };
  for (let [left, isFirst] = [limit, true]; left > 0; isFirst = false) {
    url.searchParams.set('limit', String(Math.min(left, PAGE_EVENTS)));
    const { text } = await ask(hub, url, {
      method: 'GET',
      headers: { accept: 'application/json' },
      maxBytes: MAX_PAGE_BYTES,
    });
    const { events, gap, next } = JSON.parse(text) as Page;
    if (gap) {
      notice(describeGap(gap));
      if (json) await print(`${JSON.stringify({ gap })}\n`);
    }
    await print(events.map((event) => (json ? formatJson(event) : formatEvent(event, format))).join(''));
    if (events.length === 0) {
      const isAll = types.length === 0 && since === 'earliest';
      if (isFirst && !gap && !json) notice(`${visible(topic)} has no ${isAll ? '' : 'such '}events`);
      return;
    }
    left -= events.length;
    url.searchParams.delete('since');
    url.searchParams.set('lastEventId', next);
  }
}
