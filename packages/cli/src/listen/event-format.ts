import type { EventMessage, Gap } from '@tidings/client';
import { visible } from '../terminal/output.ts';

/** An event as a listener got it. */
export interface ReceivedEvent {
  /** Empty where the sender is not a hub and names no topic. */
  readonly topic: string;
  /** ISO 8601, or empty if the sender gives no time. */
  readonly time: string;
  readonly id: string;
  readonly type: string;
  readonly data: string;
  /** The name of the value that it updates, if the publisher gave one. */
  readonly key?: string;
  /** Present if the value is forgotten. */
  readonly forget?: true;
}

export interface FormatOptions {
  /** Whether each line names the topic of its event. */
  readonly showTopic: boolean;
  /** Whether to use ANSI colours. */
  readonly colours: boolean;
  /** Milliseconds since 1970. An event of another day is written with its date. */
  readonly now: () => number;
}

const GAP_REASONS: Readonly<Record<string, string>> = {
  trimmed: 'the hub no longer keeps them',
  deleted: 'the topic was deleted',
  unknown: 'the hub does not know the event to continue after',
  foreign: 'the cursor belongs to another log',
  ahead: 'the cursor is past the end of the log',
};

const INDENT = '          ';

/** Takes an event out of its envelope (PROTOCOL §5.6). An event without an envelope keeps its data as it is. */
export function openEnvelope({ type, data, lastEventId }: EventMessage): ReceivedEvent {
  const bare = { topic: '', time: '', id: lastEventId, type, data };
  if (!data.startsWith('{')) return bare;
  try {
    const envelope = JSON.parse(data) as Record<string, unknown>;
    const { topic, time, data: inner, key, forget } = envelope;
    if (typeof topic !== 'string' || typeof time !== 'string' || typeof inner !== 'string') return bare;
    const event = { topic, time, id: lastEventId, type, data: inner };
    if (typeof key !== 'string') return event;
    return { ...event, key, ...(forget === true ? { forget } : {}) };
  } catch {
    return bare;
  }
}

/** Formats an event for people: time, id, topic, type, data. Data of several lines follows on its own lines, indented. */
export function formatEvent(event: ReceivedEvent, { showTopic, colours, now }: FormatOptions): string {
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

/** Formats an event for programs: one line of JSON that holds exactly what was received. */
export function formatJson({ topic, time, id, type, data, key, forget }: ReceivedEvent): string {
  return `${JSON.stringify({ topic, time, id, type, data, key, forget })}\n`;
}

/** Describes a gap (PROTOCOL §6) for a person. */
export function describeGap({ after, reason }: Gap): string {
  const events = after === '' ? 'events' : `events after ${visible(after)}`;
  if (reason === '') return `Gap: ${events} are missing`;
  const why = GAP_REASONS[reason] ?? `the hub gives the reason "${visible(reason)}"`;
  if (reason === 'trimmed' || reason === 'deleted') return `Gap: ${events} are missing, because ${why}`;
  return `Gap: ${events} may be missing, because ${why}; continuing with the earliest event that is kept`;
}

function localTime(time: Date, now: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  if (time.toDateString() === now.toDateString()) return clock;
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock}`;
}
