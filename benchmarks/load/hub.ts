import { Child } from '../parts/child.ts';
import { dataFolder } from '../parts/folder.ts';
import { eventStreamOf } from '../parts/event-data.ts';
import { Publisher, publishRequest } from './publisher.ts';

const HUB = new URL('../servers/hub.ts', import.meta.url);

/** A hub in a process of its own, on disk, and one publisher. */
export class RunningHub {
  readonly port: number;
  readonly publisher: Publisher;
  readonly #child: Child;

  private constructor(child: Child, port: number, publisher: Publisher) {
    this.#child = child;
    this.port = port;
    this.publisher = publisher;
  }

  static async start(): Promise<RunningHub> {
    const child = Child.node(HUB, [dataFolder()]);
    const port = Number(await child.line());
    return new RunningHub(child, port, await Publisher.connect(port));
  }

  /** Publishes so many events as one upload, and gives the id of the last. */
  upload(topic: string, count: number): Promise<string> {
    return this.publisher.publish(publishRequest(topic, eventStreamOf(count), 'text/event-stream'));
  }

  /** Processor time that the hub has had, in microseconds. */
  async cpu(): Promise<number> {
    return Number(await this.#child.ask('cpu'));
  }

  async stop(): Promise<void> {
    this.publisher.close();
    await this.#child.stop();
  }
}
