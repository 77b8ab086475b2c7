/** The environment variable that is set if a hub has a supervisor. */
export const SUPERVISED = 'TIDINGS_SUPERVISED';

/** The message of a supervisor to a hub: open the log, listen on the sockets that begin at descriptor 3, and serve. */
export interface OpenMessage {
  readonly type: 'open';
  /** A name for each socket. */
  readonly sockets: readonly string[];
  /** Whether the hub has to announce where it can be reached. */
  readonly isFirst: boolean;
}

/**
 * The messages of a hub to its supervisor:
 * - `prepared`: its program is loaded and its options are right;
 * - `serving`: it listens;
 * - `released`: its log is closed, and the next hub may open it.
 */
export interface HubMessage {
  readonly type: 'prepared' | 'serving' | 'released';
}
