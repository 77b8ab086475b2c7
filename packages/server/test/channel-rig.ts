import type { Answer, Channel, RequestHead } from '@tidings/server';
import { EventStreamDecoder, type EventMessage } from '@tidings/wire';
import { FakeSink } from './model/fake-sink.ts';
import { until } from './test-server.ts';

export interface HeadFields {
  readonly method?: string;
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly address?: string;
}

export function requestHead({ method = 'GET', url = '/', headers = {}, address }: HeadFields = {}): RequestHead {
  return { method, url, header: (name) => headers[name], address };
}

/** A listener whose transport takes bytes when the test says so. */
export interface RigListener {
  readonly answer: Answer;
  readonly sink: FakeSink;
}

/** Lets a listener in that must be let in. */
export async function listen(channel: Channel, fields: HeadFields = {}, highWaterMark = 1e9): Promise<RigListener> {
  const answer = await channel.answer(requestHead(fields));
  if (!answer.start) throw new Error(`The listener was answered ${answer.status}`);
  const sink = new FakeSink(highWaterMark);
  answer.start(sink);
  return { answer, sink };
}

/** The events that a sink has been given, but for heartbeats. */
export function events({ text }: FakeSink): EventMessage[] {
  const all: EventMessage[] = [];
  const decoder = new EventStreamDecoder({ onEvent: (event) => all.push(event) });
  decoder.write(text);
  return all.filter(({ type }) => type !== 'tidings-heartbeat');
}

/** The data of those events. */
export function dataOf(sink: FakeSink): string[] {
  return events(sink).map(({ data }) => data);
}

/** Waits until the newest event that a sink has been given is this one. */
export async function untilData(sink: FakeSink, data: string): Promise<void> {
  await until(() => dataOf(sink).at(-1) === data);
}
