import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  jetstream,
  jetstreamManager,
  type JetStreamClient,
  type JetStreamManager,
  type MsgRequest,
  type NextMsgRequest,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { createInbox, nanos, type NatsConnection } from '@nats-io/nats-core';
import { NatsError } from '../errors.ts';
import type { Checked } from '../options.ts';
import { MIN_PAYLOAD } from '../replica/parts.ts';
import { connectTo } from './connecting.ts';
import { type Delivered, Delivery, HEARTBEAT_MS } from './delivery.ts';
import { isLate, isStreamMissing, isUnheard, unusable } from './problem.ts';
import { untilSettled } from './settled.ts';
import { Snapshots } from './snapshots.ts';

// How long each request may take, in milliseconds.
const TIMEOUT_MS = 2000;

// How long a server may take until its JetStream answers, in milliseconds.
const MANAGE_MS = 20_000;

/** The stream as the store has it. */
export interface StreamState {
  /** When it was made, which tells it from another one of its name. */
  readonly created: string;
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
}

/** The stream of a log, and the connection to it, which is made again whenever it is lost. */
export class Store {
  readonly snapshots: Snapshots;
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #client: JetStreamClient;
  readonly #name: string;
  readonly #subject: string;
  readonly #replicas: number;
  readonly #isCluster: boolean;
  /** For the stream as it grows, and for two snapshots. */
  readonly #neededBytes: number;
  #isConnected = true;
  #isNew = false;
  #onChange: () => void = () => {};

  private constructor(
    connection: NatsConnection,
    manager: JetStreamManager,
    { name, replicas, compactBytes }: Checked,
    isCluster: boolean,
  ) {
    this.#connection = connection;
    this.#manager = manager;
    this.#client = jetstream(connection, { timeout: TIMEOUT_MS });
    this.#name = name;
    this.#subject = `${name}.log`;
    this.#replicas = replicas;
    this.#isCluster = isCluster;
    this.#neededBytes = 3 * compactBytes * replicas;
    this.snapshots = new Snapshots(this.#client, manager, name, replicas);
    void this.#watch();
  }

  /** @throws {NatsError} `ERR_STORE_AWAY`, `ERR_STORE_LIMITS` */
  static async connect(options: Checked): Promise<Store> {
    const connection = await connectTo(options);
    try {
      const max = connection.info?.max_payload ?? MIN_PAYLOAD;
      if (max < MIN_PAYLOAD) {
        const found = `The NATS server takes messages of at most ${max} bytes`;
        throw new NatsError('ERR_STORE_LIMITS', `${found}; set its max_payload to ${MIN_PAYLOAD} or more`);
      }
      const isCluster = connection.info?.cluster !== undefined || options.servers.length > 1;
      const manager = await manage(connection, isCluster);
      return new Store(connection, manager, options, isCluster);
    } catch (error) {
      await connection.close();
      throw unusable(error);
    }
  }

  get maxPayload(): number {
    return this.#connection.info?.max_payload ?? MIN_PAYLOAD;
  }

  /** Names the run of the server, if there is only one: it has another name whenever it was started. Undefined if servers are a cluster, or another one stores. */
  get run(): string | undefined {
    const { info } = this.#connection;
    return info?.jetstream === true && info.cluster === undefined ? info.server_id : undefined;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Called when the connection was lost or made. */
  onChange(called: () => void): void {
    this.#onChange = called;
  }

  /** The stream as it is now; undefined if there is none. */
  async state(): Promise<StreamState | undefined> {
    try {
      const { created, state } = await this.#manager.streams.info(this.#name);
      return { created, first: state.first_seq, last: state.last_seq, bytes: state.bytes };
    } catch (error) {
      if (isStreamMissing(error)) return undefined;
      throw error;
    }
  }

  /** Whether this node has made the stream. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** Makes the stream, unless another node has. */
  async create(): Promise<void> {
    this.#isNew = true;
    await this.#manager.streams.add({
      name: this.#name,
      subjects: [this.#subject],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      // Nothing is removed but what a snapshot has.
      discard: DiscardPolicy.New,
      max_msgs: -1,
      max_bytes: -1,
      max_age: 0,
      num_replicas: this.#replicas,
      // Without one of them a node that reads it later would have another log.
      deny_delete: true,
    });
  }

  /** Stores a message, and gives its number. @param last the number of the message before it @default any */
  async publish(message: Uint8Array, last?: number): Promise<number> {
    const expect = last === undefined ? {} : { lastSequence: last };
    const { seq } = await this.#client.publish(this.#subject, message, {
      timeout: TIMEOUT_MS,
      expect: { streamName: this.#name, ...expect },
    });
    return seq;
  }

  /** What is wrong with the stream if nobody listens to what is published: its subjects were changed. Undefined if that is not known, or it may be heard again soon. */
  async whyUnheard(): Promise<string | undefined> {
    try {
      const { config } = await this.#manager.streams.info(this.#name);
      const { subjects } = config;
      if (subjects.some((subject) => subject === this.#subject || /[*>]/.test(subject))) return undefined;
      return `the stream ${this.#name} no longer has the subject ${this.#subject}; give it that again`;
    } catch {
      return undefined;
    }
  }

  /** Messages from a number on, as they come. */
  async deliver(from: number): Promise<Delivery> {
    const inbox = createInbox();
    const delivery = new Delivery(this.#connection, inbox);
    try {
      await this.#manager.consumers.add(this.#name, {
        deliver_subject: inbox,
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: from,
        ack_policy: AckPolicy.None,
        flow_control: true,
        idle_heartbeat: nanos(HEARTBEAT_MS),
        inactive_threshold: nanos(10 * HEARTBEAT_MS),
        num_replicas: 1,
        mem_storage: true,
      });
      return delivery;
    } catch (error) {
      delivery.stop();
      throw error;
    }
  }

  /** The first message from a number on, as the leader of the stream has it; undefined if there is none. */
  async next(from: number): Promise<Delivered | undefined> {
    const about: NextMsgRequest = { seq: from, next_by_subj: '>' };
    const found = await this.#manager.streams.getMessage(this.#name, about as MsgRequest);
    return found ? { seq: found.seq, bytes: found.data } : undefined;
  }

  /** Finds out whether this node may do what it will have to do later. */
  async check(): Promise<void> {
    await this.#settled(() => this.snapshots.check());
    await this.#settled(() => this.#checkPurge());
    await this.#checkFlow();
  }

  /** Finds out whether there is room for what the log will need. */
  async checkRoom(): Promise<void> {
    const { limits, storage } = await this.#settled(() => this.#manager.getAccountInfo());
    if (limits.max_storage < 0 || limits.max_storage - storage >= this.#neededBytes) return;
    const found = `The account on the NATS server may store ${limits.max_storage} bytes, of which ${storage} are used`;
    throw new NatsError(
      'ERR_STORE_LIMITS',
      `${found}; ${this.#neededBytes} have to be free: raise the limit, or lower compactBytes`,
    );
  }

  /** Finds out whether the stream keeps every message until the log removes it: somebody else may have made it, or changed it. */
  async checkLimits(): Promise<void> {
    const { config } = await this.#settled(() => this.#manager.streams.info(this.#name));
    const limits = (['max_age', 'max_bytes', 'max_msgs', 'max_msgs_per_subject'] as const).filter(
      (limit) => config[limit] > 0,
    );
    const found = [...limits, ...(config.retention === RetentionPolicy.Limits ? [] : ['retention'])];
    if (found.length === 0) return;
    throw new NatsError(
      'ERR_STORE_LIMITS',
      `The stream ${this.#name} on the NATS server removes messages by itself, by its ${found.join(' and ')}; a log needs one that keeps all of them`,
    );
  }

  /** Who asks makes late questions again. */
  async #settled<T>(ask: () => Promise<T>): Promise<T> {
    return await untilSettled(ask, this.#isCluster, 0);
  }

  /**
   * Finds out whether this node may purge the stream, with a request that every server refuses because it contradicts itself. One that the server cannot read is no harmless one: nats-server 2.15 purges
   * everything then. Nor is one that removes nothing: for one with a filter, nats-server 2.9 leaves out what it has not yet delivered to other nodes.
   */
  async #checkPurge(): Promise<void> {
    const refused = JSON.stringify({ seq: 2, keep: 1 });
    await this.#connection.request(`$JS.API.STREAM.PURGE.${this.#name}`, refused, { timeout: TIMEOUT_MS });
  }

  /** Finds out whether this node may answer when the store asks how much was taken: without the answer the store stops its deliveries after some messages. */
  async #checkFlow(): Promise<void> {
    try {
      await this.#connection.request(`$JS.FC.${this.#name}.check`, '', { timeout: TIMEOUT_MS });
    } catch (error) {
      // Nobody listens there, which is what a user with the permission is told.
      if (!isUnheard(error) && !isLate(error)) throw error;
    }
  }

  /** Removes the messages before a number. It has no filter, see above. */
  async removeBefore(seq: number): Promise<void> {
    // The server takes 1 for all of them.
    if (seq <= 1) return;
    await this.#manager.streams.purge(this.#name, { seq });
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #watch(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === 'disconnect' || type === 'staleConnection') this.#isConnected = false;
      else if (type === 'reconnect') this.#isConnected = true;
      else continue;
      this.#onChange();
    }
    this.#isConnected = false;
    this.#onChange();
  }
}

/** A cluster that has just been started needs a few seconds until it answers. */
async function manage(connection: NatsConnection, isCluster: boolean): Promise<JetStreamManager> {
  return await untilSettled(() => jetstreamManager(connection, { timeout: TIMEOUT_MS }), isCluster, MANAGE_MS);
}
