import { type AddressInfo, Socket } from 'node:net';
import type { GivenSocket } from '../sockets/binding.ts';
import { givenSockets } from '../sockets/inherited.ts';
import { type StopOrder, WORKER_NUMBER, type WorkerMessage, type WorkerOrder } from './messages.ts';

/** The connection of a worker to the process of the log. */
export interface WorkerOf<Settings> {
  /** From 1. */
  readonly number: number;
  readonly settings: Settings;
  readonly places: readonly GivenSocket[];
  /** The socket to the log. */
  readonly log: Socket;
  /** Says that the worker listens. */
  serving(bound: readonly AddressInfo[]): void;
  /** Says that the log is needed no more. */
  released(): void;
  /** Resolves when the process of the log asks the worker to end, or has ended unexpectedly: there is nothing to serve without it. */
  readonly isOver: Promise<void>;
  /** Lets the process end. */
  leave(): void;
}

/** Resolves to what this process is to do, if it is a worker; undefined if it is none. */
export async function workerOf<Settings>(): Promise<WorkerOf<Settings> | undefined> {
  const number = Number(process.env[WORKER_NUMBER]);
  if (!Number.isInteger(number) || process.send === undefined) return undefined;
  delete process.env[WORKER_NUMBER];
  const ended = (): void => process.exit(0);
  process.once('disconnect', ended);
  let over = (): void => {};
  const isOver = new Promise<void>((resolve) => {
    over = resolve;
  });
  const order = await new Promise<WorkerOrder<Settings>>((resolve) => {
    process.on('message', (message: WorkerOrder<Settings> | StopOrder) => {
      if (message.type === 'serve') resolve(message);
      else over();
    });
  });
  process.off('disconnect', ended);
  process.once('disconnect', over);
  const say = (message: WorkerMessage): void => {
    if (process.connected) process.send?.(message, undefined, {}, () => {});
  };
  const places = givenSockets(order.sockets.length, order.sockets);
  const [last = { fd: 2 }] = places.slice(-1);
  return {
    number,
    settings: order.settings,
    places,
    log: new Socket({ fd: last.fd + 1 }),
    serving: (bound) => say({ type: 'serving', bound }),
    released: () => say({ type: 'released' }),
    isOver,
    leave() {
      if (process.connected) process.disconnect();
    },
  };
}
