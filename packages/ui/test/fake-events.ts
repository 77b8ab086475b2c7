/** An event as the fake hub keeps it. */
export interface LoggedEvent {
  seq: number;
  topic: string;
  id: string;
  type: string;
  data: string;
  time: string;
  key?: string;
  forget?: true;
}

/** Begins every cursor. */
export const EPOCH = 'fake1';

/** A block that carries a position and no event. */
export function heartbeat(seq: number): string {
  return `event: tidings-heartbeat\nid: ${EPOCH}.${seq}\ndata:\n\n`;
}

export function ofTypes(events: readonly LoggedEvent[], types: readonly string[]): readonly LoggedEvent[] {
  return types.length === 0 ? events : events.filter(({ type }) => types.includes(type));
}

export function encode(event: LoggedEvent, envelope: boolean): string {
  const { topic, time, data, key, forget } = event;
  const lines = (envelope ? JSON.stringify({ topic, time, data, key, forget }) : data).split(/\r\n|\r|\n/);
  const type = event.type === 'message' ? '' : `event: ${event.type}\n`;
  return `${type}id: ${event.id}\n${lines.map((line) => `data: ${line}\n`).join('')}\n`;
}
