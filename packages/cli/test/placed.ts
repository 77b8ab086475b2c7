import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { HubProcess } from './hub-process.ts';

/** A stream on a connection of its own. */
export interface Stream {
  readonly status: number;
  readonly text: () => string;
  readonly ended: Promise<void>;
  readonly hasEnded: () => boolean;
  /** Resolves when a part of the text is there, or when the stream has ended. */
  readonly until: (part: string) => Promise<void>;
  readonly close: () => void;
}

/** A listener of several workers, and the one that has it. */
export interface Placed extends Stream {
  readonly worker: number;
  readonly pid: number;
}

export interface Sender {
  /** @default none */
  readonly key?: string;
  /** Its address. @default 127.0.0.1 */
  readonly from?: string;
}

let names = 0;

/** Opens a stream. A refusal is the answer as it is. */
export async function open(hub: HubProcess, path: string, { key, from }: Sender = {}): Promise<Stream> {
  let text = '';
  let wake = (): void => {};
  let hasEnded = false;
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = () => {
      hasEnded = true;
      resolve();
      wake();
    };
  });
  const headers = { accept: 'text/event-stream', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) };
  const address = from === undefined ? {} : { localAddress: from };
  const sent = request(new URL(path, hub.url), { agent: false, headers, ...address });
  onTestFinished(() => void sent.destroy());
  const status = await new Promise<number>((resolve, reject) => {
    sent.on('error', (error) => {
      reject(error);
      end();
    });
    sent.on('response', (response) => {
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        wake();
      });
      response.on('error', () => {}).on('close', end);
      resolve(response.statusCode ?? 0);
    });
    sent.end();
  });
  const until = async (part: string): Promise<void> => {
    while (!text.includes(part) && !hasEnded) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { status, text: () => text, ended, hasEnded: () => hasEnded, until, close: () => void sent.destroy() };
}

/** Opens a listener of everything, and finds its worker in the log of the hub, which has its URL. */
export async function place(hub: HubProcess, more = '', sender: Sender = {}): Promise<Placed> {
  names += 1;
  const name = `listener-${names}`;
  const stream = await open(hub, `topics?match=t&match=${name}${more}`, sender);
  if (stream.status !== 200) return { ...stream, worker: 0, pid: 0 };
  const line = await logged(hub, (found) => found.includes('A listener has come') && found.includes(`match=${name}"`));
  return { ...stream, worker: line['worker'] as number, pid: line['pid'] as number };
}

/** The first line of the log of which something is so. */
async function logged(hub: HubProcess, isIt: (line: string) => boolean): Promise<Record<string, unknown>> {
  const find = (): string | undefined =>
    hub.process.stderr.split('\n').find((text) => text.startsWith('{') && isIt(text));
  await hub.process.until(() => find() !== undefined);
  return JSON.parse(find()!) as Record<string, unknown>;
}

/** Opens listeners until each of two workers has one. */
export async function placeOnBoth(hub: HubProcess, sender: Sender = {}): Promise<readonly [Placed, Placed]> {
  const first = await place(hub, '', sender);
  for (;;) {
    const second = await place(hub, '', sender);
    if (second.status !== 200) throw new Error(`A listener was answered ${second.status}: ${second.text()}`);
    if (second.worker !== first.worker) return [first, second];
  }
}

/** Asks on a connection of its own, so that any worker may take it. */
export function ask(
  hub: HubProcess,
  method: string,
  path: string,
  body = '',
  key = '',
): Promise<{ status: number; body: string }> {
  const headers = key === '' ? {} : { authorization: `Bearer ${key}` };
  return new Promise((resolve, reject) => {
    request(new URL(path, hub.url), { method, agent: false, headers }, (response) => {
      textOf(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
    })
      .on('error', reject)
      .end(body);
  });
}

export async function get(hub: HubProcess, path: string, key: string): Promise<Record<string, unknown>> {
  return JSON.parse((await ask(hub, 'GET', path, '', key)).body) as Record<string, unknown>;
}

export async function publish(hub: HubProcess, data: string): Promise<number> {
  return (await ask(hub, 'POST', 'topics/t', data)).status;
}

export const isThere = (pid: number): boolean => existsSync(`/proc/${pid}`);
