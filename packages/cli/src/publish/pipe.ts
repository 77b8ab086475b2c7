import {
  type Lease,
  type NewEvent,
  type Publication,
  PublishError,
  type Publisher,
  type PublisherState,
} from '@tidings/client/publisher';
import { CliError } from '../errors.ts';
import { certificateFault, describeFailure, unreachable } from '../http/failure.ts';
import type { HubAddress } from '../http/hub-address.ts';
import { send } from '../http/request.ts';
import { notice } from '../terminal/output.ts';
import { formatCount } from '../terminal/quantity.ts';
import type { InputEvent } from './input-event.ts';
import { isGivenUp, publisherTo, refused } from './publisher.ts';
import { describeReason } from './refusal.ts';

/** How long the command still tries to publish what it has read after Ctrl-C, in milliseconds. */
const INTERRUPTED_PATIENCE_MS = 3_000;

/** After how long a hub that does not answer the request for a lease is reported, in milliseconds. */
const LATE_MS = 2_000;

const INTERRUPTED = 'interrupted before the hub had confirmed all events';

/** A single failure is often only a connection that the hub had closed. This many in a row are reported. */
const REPORTED_FAILURES = 2;

/** Reading pauses while this much is waiting, because an input may be faster than the hub and would fill the memory. */
const QUEUE = { maxQueuedEvents: 4_000, maxQueuedBytes: 4 * 1024 * 1024 };

export interface PipeOptions {
  readonly hub: HubAddress;
  /** The topic of all events; undefined where each names its own. */
  readonly topic: string | undefined;
  /** What the parts of the input are called. */
  readonly unit: 'line' | 'event';
  /** The event that closes the topic behind the input. @default it is not closed */
  readonly final: NewEvent | undefined;
}

/** Standard input on its way to the hub. */
export class Pipe {
  readonly #hub: HubAddress;
  readonly #topic: string | undefined;
  readonly #unit: string;
  readonly #final: NewEvent | undefined;
  readonly #publisher: Publisher;
  #lease: Lease | undefined;
  #read = 0;
  #published = 0;
  /** How many of the events are certainly not stored. */
  #unpublished = 0;
  /** The final event, once it is published. */
  #closing: Promise<void> | undefined;
  #finalId: string | undefined;
  #failure: CliError | undefined;
  #isInterrupted = false;
  #isLost = false;

  constructor({ hub, topic, unit, final }: PipeOptions) {
    this.#hub = hub;
    this.#topic = topic;
    this.#unit = unit;
    this.#final = final;
    const onState = (state: PublisherState): void => this.#follow(state);
    this.#publisher = publisherTo(hub, { ...QUEUE, stopAtRefusal: true, onState });
  }

  /** Becomes the one producer of the topic. @throws {CliError} */
  async lease(topic: string, ms: number): Promise<void> {
    const late = setTimeout(() => void this.#explainLate(), LATE_MS);
    try {
      this.#lease = await this.#publisher.lease(topic, { ttl: `${ms}ms` });
    } catch (error) {
      if (this.#failure) throw this.#failure;
      const { text, status } = describeReason(error);
      if (this.#isInterrupted) throw new CliError('ERR_UNREACHABLE', INTERRUPTED, { cause: error });
      throw status === undefined ? unreachable('lease a topic of', this.#hub, text, error) : refused(text, error);
    } finally {
      clearTimeout(late);
    }
    const { signal } = this.#lease;
    signal.addEventListener('abort', () => this.#fail(this.#read, signal.reason));
  }

  /** Takes events, in order. Resolves when there is room for more. @throws {CliError} what has ended the pipe */
  async add(events: readonly InputEvent[]): Promise<void> {
    let last: Promise<void> | undefined;
    for (const { topic, event, number } of events) {
      this.#read++;
      const publication = this.#publish(topic, event);
      publication.then(
        () => (this.#published += 1),
        (error: unknown) => {
          if (isNotStored(error)) this.#unpublished += 1;
          this.#fail(number, error);
        },
      );
      last = publication.accepted;
    }
    // Why it is not accepted is told by the publication.
    await last?.catch(() => {});
    if (this.#failure) throw this.#failure;
  }

  /** Resolves when everything is published, and the topic is closed if it is to be. @throws {CliError} what has ended the pipe */
  async finish(): Promise<void> {
    this.#close();
    // Where it cannot be told, the lease runs out.
    if (!this.#final) await this.#lease?.release().catch(() => {});
    await this.#publisher.close();
    await this.#closing;
    if (this.#failure) throw this.#failure;
  }

  /** Ends the input. What has been read is still published, for a while. */
  interrupt(): void {
    this.#isInterrupted = true;
    process.stdin.destroy();
    this.#close();
    void this.#publisher.close({ patienceMs: INTERRUPTED_PATIENCE_MS });
  }

  /** The id of the event that has closed the topic. */
  get finalId(): string | undefined {
    return this.#finalId;
  }

  get isEmpty(): boolean {
    return this.#read === 0;
  }

  get summary(): string {
    const where = this.#topic === undefined ? '' : ` to ${this.#topic}`;
    const done = `Published ${formatCount(this.#published, 'event')}${where}`;
    const unconfirmed = this.#read - this.#published - this.#unpublished;
    return [
      done,
      ...(this.#unpublished === 0 ? [] : [`${formatCount(this.#unpublished, 'event')} read but not published`]),
      ...(unconfirmed === 0 ? [] : [`${formatCount(unconfirmed, 'event')} read but not confirmed`]),
    ].join(', ');
  }

  #publish(topic: string, event: NewEvent): Publication {
    return this.#lease?.publish(event) ?? this.#publisher.publish(topic, event);
  }

  /** Closes the topic behind what was published, once. */
  #close(): void {
    if (!this.#final || this.#topic === undefined || this.#failure) return;
    this.#closing ??= this.#publish(this.#topic, this.#final).then(
      (id) => void (this.#finalId = id),
      (error: unknown) => this.#fail(this.#read, error),
    );
  }

  #fail(number: number, error: unknown): void {
    if (this.#failure) return;
    const { text, status } = describeReason(error);
    if (this.#isInterrupted && isGivenUp(error)) this.#failure = new CliError('ERR_UNREACHABLE', INTERRUPTED);
    else {
      const name = `${this.#unit} ${number.toLocaleString('en-US')}`;
      if (status === 413) this.#failure = refused(`${name} is too large for the hub: ${text}`, error);
      else this.#failure = refused(this.#isOfLine(error) ? `${name}: ${text}` : text, error);
    }
    // Nothing more can be published, and the input may not end for a long time.
    process.stdin.destroy();
  }

  /** Whether a failure is that of one line, which says what there is to publish. */
  #isOfLine(error: unknown): boolean {
    return this.#topic === undefined && error instanceof PublishError && error.code === 'ERR_REFUSED';
  }

  #follow({ phase, attempt, error }: PublisherState): void {
    const fault = certificateFault(error);
    // A hub that was reached before may get its certificate back. One that never was is another one than was meant, or a setting is missing here.
    if (phase === 'waiting' && fault !== undefined && this.#published === 0) this.#giveUp(error);
    else if (phase === 'waiting' && attempt > REPORTED_FAILURES && !this.#isLost) {
      this.#tellLost(fault ?? `(${describeReason(error).text})`, 'publish to');
    } else if (attempt === 1 && !error && this.#isLost) {
      this.#isLost = false;
      notice('Publishing again');
    }
  }

  #tellLost(reason: string, what: string): void {
    this.#isLost = true;
    notice(`Cannot ${what} the hub at ${this.#hub.url.href} ${reason}, trying again…`);
  }

  /** Says why there is no lease yet. The publisher does not say why it asks again, so the hub is asked for something else. */
  async #explainLate(): Promise<void> {
    const what = 'lease a topic of';
    try {
      await send(new URL('healthz', this.#hub.url), { method: 'GET', headers: {}, timeoutMs: LATE_MS });
      if (!this.#lease) this.#tellLost('(it does not answer)', what);
    } catch (error) {
      if (this.#lease) return;
      const fault = certificateFault(error);
      if (fault === undefined) this.#tellLost(`(${describeFailure(error)})`, what);
      else this.#giveUp(error, what);
    }
  }

  #giveUp(error: unknown, what = 'publish to'): void {
    if (this.#failure || this.#isInterrupted) return;
    this.#failure = unreachable(what, this.#hub, describeReason(error).text, error);
    process.stdin.destroy();
    void this.#publisher.close({ patienceMs: 0 });
  }
}

/** Whether the hub has refused an event, or was never sent it. */
function isNotStored(error: unknown): boolean {
  return error instanceof PublishError && (error.code === 'ERR_REFUSED' || error.code === 'ERR_CLOSED');
}
