/**
 * What a topic is: `open` if it has kept events, was created or is leased, `closed` behind its final event, `unknown` if the log remembers nothing of
 * it.
 */
export type TopicPhase = 'open' | 'closed' | 'unknown';

/** How a topic is kept that was made by {@link TopicStates.create}. */
export interface TopicOptions {
  /** How long after its last event, or its creation, the topic is forgotten, in milliseconds. From 1. @default never */
  readonly ttlMs?: number | undefined;
  /**
   * Whether all of its events are kept, or the latest of each key. It takes the place of what the log's retention says.
   * @default as the first rule of the retention says that matches the topic, else 'all'
   */
  readonly keep?: 'all' | 'latest' | undefined;
}

/** The place of an event. */
export interface EventPlace {
  readonly seq: number;
  readonly id: string;
}

/** What a log knows of a topic. */
export interface TopicStatus {
  readonly topic: string;
  readonly state: TopicPhase;
  /** The number of kept events. */
  readonly events: number;
  /** The earliest of them; undefined if there is none. */
  readonly earliest?: EventPlace | undefined;
  /** The newest of them; undefined if there is none. */
  readonly newest?: EventPlace | undefined;
  /**
   * The sequence number of its final event, also if that has been trimmed; undefined if it is not closed. If only public events count and the final one is
   * private, that of its newest public event when it was closed.
   */
  readonly finalSeq?: number | undefined;
  /** Present if it was made by {@link TopicStates.create}. */
  readonly options?: TopicOptions | undefined;
  /** What holds of its events, or would hold: `latest` by its own options, else by the first rule of the log's retention that matches it. @default 'all' */
  readonly keep?: 'all' | 'latest' | undefined;
  /** When its lease ends, milliseconds since 1970; undefined if there is none. */
  readonly leasedUntil?: number | undefined;
}

/** What must hold of a topic in the commit that would store a batch. */
export interface TopicCondition {
  readonly topic: string;
  /** @default any */
  readonly state?: TopicPhase | undefined;
  /** The sequence number of its newest kept event; 0 if it has none. @default any */
  readonly lastSeq?: number | undefined;
}

export interface StatusOptions {
  /**
   * Whether only public events count: then a topic without any is unknown, or open if it was created, unless its final event was public, and nothing
   * shows that there are private events. @default false
   */
  readonly publicOnly?: boolean | undefined;
}

export interface CreateOptions {
  /** Whether a topic that is known is refused with `ERR_TOPIC_EXISTS`. @default false */
  readonly onlyUnknown?: boolean | undefined;
}

/** How a topic is leased. It is either a renewal, which has the token, or a request that may come again, which has a key. */
export interface LeaseOptions {
  /** Renews the lease with this token. @default none */
  readonly token?: string | undefined;
  /**
   * Makes it safe to ask again for a lease whose answer was lost: if the topic is leased already, and was leased with the same key, its lease is renewed.
   * 1 to 1,536 bytes of UTF-8. @default none
   */
  readonly key?: string | undefined;
  /** Who leases it, as {@link TopicStates.leases} tells it: up to 1,536 bytes of UTF-8. A renewal keeps it. @default unknown */
  readonly holder?: string | undefined;
}

/** A lease that is held. */
export interface HeldLease {
  readonly topic: string;
  readonly token: string;
  readonly holder?: string | undefined;
}

export interface TopicLease {
  /** Proves who holds the lease: 128 random bits as 32 hexadecimal digits. */
  readonly token: string;
  /** When the lease ends unless it is renewed, milliseconds since 1970. */
  readonly until: number;
}

/**
 * The life of topics beside their events. A topic that was only made by events is known for as long as any of them is kept, one that was created until it
 * is forgotten or deleted. Every method rejects with `ERR_INVALID_EVENT` for a name that no topic may have, with `ERR_NOT_STORED` if the change could
 * not be stored, and with `ERR_CLOSED` after the log was closed. A change is as durable as an append when its method resolves.
 */
export interface TopicStates {
  /** What the log knows of a topic, as of the call. */
  status(topic: string, options?: StatusOptions): Promise<TopicStatus>;
  /**
   * Makes a topic known with these options, or sets the options of one that is known. Resolves to whether it was unknown. Rejects with
   * `ERR_TOPIC_EXISTS` if it had to be, with `ERR_TOO_MANY_TOPICS` if the log has as many created topics as it takes, and with `ERR_INVALID_OPTION`.
   */
  create(topic: string, options?: TopicOptions, how?: CreateOptions): Promise<{ readonly created: boolean }>;
  /**
   * Removes the events of a topic and its state. Reads find none of them from the first commit on, and followers are handed an entry that `deletes`. An
   * event that has other topics is removed for those, too, which is told there as trimming. Resolves when they are gone, to whether the topic was known.
   */
  delete(topic: string): Promise<{ readonly existed: boolean }>;
  /**
   * Makes the caller the topic's one producer: every append to it needs the token, and renews the lease. If the lease ends while the topic is open,
   * the log closes the topic with an event of the type `tidings-closed` and the data `{"reason":"lease-expired"}`, within a second. The topic becomes
   * known. Rejects with `ERR_LEASED` if there is a lease already that was not made with the same key, whose end is the error's `until`, with `ERR_TOPIC_CLOSED`, with `ERR_LEASE_LOST` if
   * `token` is not that of the lease to renew, with `ERR_TOO_MANY_TOPICS` if the log has as many leases as it takes, and with `ERR_INVALID_OPTION`.
   * @param ms how long the lease lasts from now on, and after each append with its token: 1 to 86400000
   */
  lease(topic: string, ms: number, options?: LeaseOptions): Promise<TopicLease>;
  /** Gives a lease back. The topic stays open. Rejects with `ERR_LEASE_LOST` if the token is not that of its lease. */
  release(topic: string, token: string): Promise<void>;
  /** All leases that are held. */
  leases(): Promise<readonly HeldLease[]>;
}
