import { randomBytes } from 'node:crypto';
import type { Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { systemClock, type Clock } from '../../clock.ts';
import { checkInteger, checkNames } from '../../errors.ts';
import type { EventLog, FollowStart, LogFollowing } from '../event-log.ts';
import { checkLog } from '../log-check.ts';
import { secretOf } from '../mark.ts';
import type { Capability } from './asking-log.ts';
import { encodeEntries } from './entries.ts';
import { HostConnection } from './host-connection.ts';
import { encodeMessage, VERSION } from './message.ts';
import { HostPeers } from './host-peers.ts';
import { listenOnPath } from './unix-socket.ts';

export interface LogHostOptions {
  /**
   * How many bytes may wait for a process that does not read them. Then it is left out of what is committed, and told so, and it reads the events that it has missed. From
   * 1. @default 16777216
   */
  readonly maxUnreadBytes?: number | undefined;
  /** How many questions of one process may be looked for at the same time. Further ones are not read from its socket meanwhile. From 1. @default 1000 */
  readonly maxQuestions?: number | undefined;
  /** @default the system's */
  readonly clock?: Clock | undefined;
}

const NAMES: Readonly<Record<keyof LogHostOptions, true>> = { maxUnreadBytes: true, maxQuestions: true, clock: true };
const MAX = 2 ** 31 - 1;

const CAPABILITIES: readonly Capability[] = ['directory', 'topics', 'values', 'trim', 'plan'];

/**
 * Lets other processes of this machine use a log: each over a socket, with a `RemoteLog`. Who has the other end of a socket may do everything that the log
 * can, so it may be nobody else's: a pair of sockets that a child process inherits, or a Unix socket in a folder of the same user.
 * @example
 * const host = new LogHost(await LmdbLog.open({ path: '.tidings' }));
 * host.serve(child.stdio[3]);
 */
export class LogHost {
  readonly #log: EventLog;
  readonly #limits: { readonly maxUnreadBytes: number; readonly maxQuestions: number };
  readonly #connections = new Set<HostConnection>();
  readonly #peers: HostPeers;
  readonly #servers: Server[] = [];
  readonly #secret = randomBytes(32);
  #served = 0;
  readonly #following: LogFollowing;
  /** How far the log has handed over; undefined while it does not. */
  #reached: FollowStart | undefined;
  #lostReason = 'The log has not been reached yet';

  /** @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(log: EventLog, options: LogHostOptions = {}) {
    checkLog('log', log);
    checkNames(options, NAMES);
    const { maxUnreadBytes = 16 * 1024 * 1024, maxQuestions = 1000, clock = systemClock } = options;
    this.#limits = {
      maxUnreadBytes: checkInteger('maxUnreadBytes', maxUnreadBytes, 1, MAX),
      maxQuestions: checkInteger('maxQuestions', maxQuestions, 1, MAX),
    };
    this.#log = log;
    this.#peers = new HostPeers(log, clock, this.#connections);
    this.#following = log.follow({
      onStart: (start) => {
        this.#reached = start;
        this.#tell(encodeMessage({ is: 'start', start }));
      },
      onBatch: (batch) => {
        const last = batch.at(-1);
        this.#peers.events += batch.length;
        if (!this.#reached || !last) return;
        const { epoch, publicSeq } = this.#reached;
        const newestPublic = batch.findLast((entry) => !entry.private)?.seq ?? publicSeq;
        this.#reached = { epoch, seq: last.seq, publicSeq: newestPublic };
        if (this.#connections.size === 0) return;
        // Encoded once for all.
        this.#tell(encodeMessage({ is: 'batch' }, encodeEntries(batch)));
      },
      onLost: (reason) => {
        this.#reached = undefined;
        this.#lostReason = reason instanceof Error ? reason.message : String(reason);
        this.#tell(encodeMessage({ is: 'lost', reason: this.#lostReason }));
      },
    });
  }

  /** How many processes are connected. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Serves a process until its socket is closed. A process that breaks the protocol loses its socket. */
  serve(socket: Duplex): void {
    this.#served += 1;
    const number = this.#served;
    const peers = this.#peers;
    const connection: HostConnection = new HostConnection(socket, this.#log, this.#limits, {
      number,
      reached: () => this.#reached,
      lostReason: () => this.#lostReason,
      askOthers: (question) => peers.ask(connection, question),
      tellOthers: (news) => peers.tell(connection, news),
      count: (changes) => peers.count(connection, changes),
      record: () => peers.record(connection),
      onClose: () => {
        this.#connections.delete(connection);
        peers.leaves(connection);
      },
    });
    this.#connections.add(connection);
    connection.send(
      encodeMessage({
        is: 'hello',
        version: VERSION,
        facts: { trimmedIsExact: this.#log.trimmedIsExact, has: CAPABILITIES.filter((name) => this.#log[name]) },
        number,
        marks: Buffer.from(secretOf(this.#log)).toString('base64'),
        secret: this.#secret.toString('base64'),
      }),
    );
  }

  /**
   * Serves every process that connects to a Unix socket. Its folder has to be closed to other users, and closes the log to them.
   * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`
   */
  async listen(path: string): Promise<void> {
    this.#servers.push(await listenOnPath(path, (socket) => this.serve(socket)));
  }

  /** Ends all connections. The log stays open. */
  close(): void {
    this.#following.stop();
    this.#peers.close();
    for (const server of this.#servers.splice(0)) server.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #tell(message: Buffer): void {
    for (const connection of this.#connections) connection.tell(message);
  }
}
