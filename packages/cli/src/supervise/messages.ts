/** The variable by which a hub knows that it is supervised. */
export const SUPERVISED = 'TIDINGS_SUPERVISED';

/** What a supervisor tells a hub: to open its log, to listen on the sockets that begin at descriptor 3, and to serve. */
export interface OpenMessage {
  readonly type: 'open';
  /** A name for each socket. */
  readonly sockets: readonly string[];
  /** Whether nobody has been told yet where the hub is. */
  readonly isFirst: boolean;
}

/**
 * What a hub tells its supervisor:
 * - `prepared`: its program is loaded and its options are right;
 * - `serving`: it listens;
 * - `released`: its log is closed, and the next hub may open it.
 */
export interface HubMessage {
  readonly type: 'prepared' | 'serving' | 'released';
}
