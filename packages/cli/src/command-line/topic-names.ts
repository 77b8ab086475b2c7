import type { HubAddress } from '../http/hub-address.ts';
import { notice, visible } from '../terminal/output.ts';

/** What looks like a pattern of topics. */
const PATTERN = /\*|(?:^|\/):\w/;

const TOPIC_URL = /^https?:\/\/.*\/topics\//i;

/** Says what is taken for the name of a topic although it looks like the URL of one. It may be meant, so it is not refused. */
export function noticeUrl(topic: string, { url }: HubAddress): void {
  if (!TOPIC_URL.test(topic)) return;
  notice(`"${visible(topic)}" is the name of a topic at ${url.href} here. --hub gives the URL of another hub`);
}

/** Says what is taken for the name of a topic although it looks like a pattern. */
export function noticePattern(topic: string, hint = 'With --match-urlpattern before it, it is a pattern'): void {
  if (!PATTERN.test(topic)) return;
  notice(`"${visible(topic)}" is the name of one topic here. ${hint}`);
}

/** Says what a pattern cannot match in most hubs, because of how it begins. */
export function noticeBeginning(pattern: string, { url }: HubAddress): void {
  const found = /^\/|^[a-z][a-z0-9+.-]*:\/\//i.exec(pattern)?.[0];
  if (found === undefined || pattern.startsWith(new URL('topics/', url).href)) return;
  const what = found === '/' ? 'a leading slash' : 'a scheme and a host';
  notice(`"${visible(pattern)}" begins with ${what}, which topics have only if they were published with one`);
}

/** Says what is taken for one type of events although it looks like several. */
export function noticeType(type: string): void {
  if (!type.includes(',')) return;
  notice(`"${visible(type)}" is one type with a comma in it here. For several types, give --type several times`);
}
