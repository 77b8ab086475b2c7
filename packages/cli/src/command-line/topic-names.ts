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
export function noticePattern(topic: string): void {
  if (!PATTERN.test(topic)) return;
  notice(`"${visible(topic)}" is the name of one topic here. With --match-urlpattern before it, it is a pattern`);
}
