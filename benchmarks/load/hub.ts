import { Child } from '../parts/child.ts';
import { dataFolder } from '../parts/folder.ts';
import { DATA, eventStreamOf } from '../parts/event-data.ts';
import { residentOf, type Resident } from '../parts/resident.ts';
import { Publisher, publishRequest } from './publisher.ts';
import { HERE, type Server } from './server.ts';

const TOPIC = 'readings';

/** A hub in a process of its own, on disk, and one publisher. */
export class RunningHub implements Server {
  readonly port: number;
  readonly publisher: Publisher;
  readonly target: string = `/topics/${TOPIC}`;
  /** Where its log is. */
  readonly folder: string;
  readonly #child: Child;
  /** What has been published, by how many events it holds. */
  readonly #requests = new Map<number, Buffer>();
  #published: Promise<unknown> = Promise.resolve();

  private constructor(child: Child, folder: string, port: number, publisher: Publisher) {
    this.#child = child;
    this.folder = folder;
    this.port = port;
    this.publisher = publisher;
  }

  /** @param benchmarks the folder of the benchmarks of another checkout, to run what is built there */
  static async start(benchmarks: URL = HERE): Promise<RunningHub> {
    const folder = dataFolder();
    const child = Child.node(new URL('servers/hub.ts', benchmarks), [folder]);
    const port = Number(await child.line());
    return new RunningHub(child, folder, port, await Publisher.connect(port));
  }

  /** Publishes a number of events as one upload, and returns the id of the last. */
  upload(topic: string, count: number): Promise<string> {
    return this.publisher.publish(publishRequest(topic, eventStreamOf(count), 'text/event-stream'));
  }

  async publish(count: number): Promise<void> {
    const request = this.#requests.get(count) ?? publishRequest(TOPIC, eventStreamOf(count), 'text/event-stream');
    this.#requests.set(count, request);
    await this.publisher.publish(request);
  }

  publishData(data: string): Promise<unknown> {
    // In turn: the publisher has one connection.
    this.#published = this.#published.then(() => this.publisher.publish(publishRequest(TOPIC, data)));
    return this.#published;
  }

  cursor(): Promise<string> {
    return this.publisher.publish(publishRequest(TOPIC, DATA));
  }

  async cpu(): Promise<number> {
    return Number(await this.#child.ask('cpu'));
  }

  async memory(): Promise<number> {
    return Number(await this.#child.ask('memory'));
  }

  resident(): Resident {
    return residentOf(this.#child.pid);
  }

  async peak(): Promise<number> {
    return Number(await this.#child.ask('peak'));
  }

  async stop(): Promise<void> {
    this.publisher.close();
    await this.#child.stop();
  }
}
