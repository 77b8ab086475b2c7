import type { Gap } from '@tidings/client';
import type { ReceivedEvent } from './received-event.ts';

export interface PrinterOptions {
  /** Whether each event names its topic, as one topic alone need not. */
  readonly showTopic: boolean;
  /** Whether to use ANSI colours. */
  readonly colours: boolean;
  /** Milliseconds since 1970: an event of another day is printed with its date. */
  readonly now: () => number;
}

const GAP_REASONS: Readonly<Record<string, string>> = {
  trimmed: 'they are no longer kept',
  unknown: 'the hub does not know the event to go on after',
  foreign: 'the cursor is of another log',
  ahead: 'the cursor is past the end of the log',
};

const INDENT = '          ';

/** C0, DEL and C1 but no tab: what a terminal would obey. */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const CONTROLS = /[\u0000-\u0008\u000A-\u001F\u007F-\u009F]/g;

/** Writes an event as a person reads it: time, id, topic, type, data. Data of several lines stands below, indented. */
export function printEvent(event: ReceivedEvent, { showTopic, colours, now }: PrinterOptions): string {
  const paint = (code: number, text: string): string => (colours ? `\u001B[${code}m${text}\u001B[0m` : text);
  const parts: string[] = [];
  if (event.time !== '') parts.push(paint(2, localTime(new Date(event.time), new Date(now()))));
  if (event.id !== '') parts.push(paint(2, visible(event.id)));
  if (showTopic && event.topic !== '') parts.push(paint(36, visible(event.topic)));
  if (event.type !== 'message') parts.push(paint(33, visible(event.type)));
  const lines = event.data.split('\n').map(visible);
  if (lines.length === 1) return `${[...parts, ...lines].join('  ').trimEnd()}\n`;
  return `${parts.join('  ')}\n${lines.map((line) => `${INDENT}${line}`.trimEnd()).join('\n')}\n`;
}

/** One line of JSON, exactly what was received. */
export function printJson({ topic, time, id, type, data }: ReceivedEvent): string {
  return `${JSON.stringify({ topic, time, id, type, data })}\n`;
}

/** What was missed (PROTOCOL §6), for a person. */
export function describeGap({ after, reason }: Gap): string {
  const why = GAP_REASONS[reason] ?? visible(reason);
  const from = after === '' ? '' : ` after ${visible(after)}`;
  return reason === 'trimmed' || reason === ''
    ? `Gap: events${from} are missing, ${why}`
    : `Gap: events${from} may be missing, ${why}; going on with the earliest that is kept`;
}

/** Control characters are shown by their pictures: what was published must not steer the terminal. */
function visible(text: string): string {
  return text.replace(CONTROLS, (character) => {
    const code = character.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? '\u2421' : '\uFFFD';
  });
}

function localTime(time: Date, now: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  if (time.toDateString() === now.toDateString()) return clock;
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock}`;
}
