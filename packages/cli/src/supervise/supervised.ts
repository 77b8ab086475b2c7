import type { HubMessage, OpenMessage } from './messages.ts';
import { SUPERVISED } from './messages.ts';

/** The connection of a hub to its supervisor. */
export interface SupervisedBy {
  /** Says that the program is loaded, and resolves when the log may be opened. */
  prepared(): Promise<OpenMessage>;
  /** Says that the hub listens. */
  serving(): void;
  /** Says that the log is closed. */
  released(): void;
  /** Resolves when the supervisor has ended unexpectedly. The hub must not go on without it, because nobody could end the hub. */
  readonly gone: Promise<void>;
  /** Lets the process end. */
  leave(): void;
}

/** The supervisor of this process; undefined if it has none. */
export function supervisor(): SupervisedBy | undefined {
  if (process.env[SUPERVISED] === undefined || process.send === undefined) return undefined;
  delete process.env[SUPERVISED];
  const gone = new Promise<void>((resolve) => void process.once('disconnect', resolve));
  const say = (message: HubMessage): void => {
    if (process.connected) process.send?.(message, undefined, {}, () => {});
  };
  return {
    async prepared() {
      const opened = new Promise<OpenMessage>((resolve) => void process.once('message', resolve));
      say({ type: 'prepared' });
      return await opened;
    },
    serving: () => say({ type: 'serving' }),
    released: () => say({ type: 'released' }),
    gone,
    leave() {
      if (process.connected) process.disconnect();
    },
  };
}
