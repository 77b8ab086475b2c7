import type { HubMessage, OpenMessage } from './messages.ts';
import { SUPERVISED } from './messages.ts';

/** The other end of a supervisor: what a hub says to it and hears from it. */
export interface SupervisedBy {
  /** Says that the program is loaded, and resolves when the log may be opened. */
  prepared(): Promise<OpenMessage>;
  /** Says that the hub listens. */
  serving(): void;
  /** Says that the log is closed. */
  released(): void;
  /** Resolves when the supervisor has gone without a word. A hub without one must not go on: nobody could end it. */
  readonly gone: Promise<void>;
  /** Lets the process end. */
  leave(): void;
}

/** The supervisor of this process, undefined where it has none. */
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
      void gone.then(() => {
        // Before it is opened there is nothing to close.
        if (process.listenerCount('message') > 0) process.exit(0);
      });
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
