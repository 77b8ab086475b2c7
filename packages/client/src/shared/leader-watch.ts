import type { Clock } from '../platform/clock.ts';

/** How long the leader may be silent before it gets a ping, and then how long its answer may take, in milliseconds. */
const SILENT_MS = 10_000;

/** Notices a leader that hangs: one that holds the lock and sends nothing, not even an answer to a ping. */
export interface LeaderWatch {
  /** The leader has sent something. */
  received(): void;
  stop(): void;
}

export function watchLeader(clock: Clock, ping: () => void, onHung: () => void): LeaderWatch {
  let isSilent = false;
  let isPinged = false;
  let timer: unknown;

  /** Each wait has a random part, so that the tabs do not all send a ping, or find the leader hung, at once. */
  function wait(): void {
    timer = clock.setTimeout(check, SILENT_MS * (1 + clock.random() / 2));
  }

  function check(): void {
    const isHung = isSilent && isPinged;
    isPinged = isSilent && !isPinged;
    isSilent = true;
    wait();
    if (isHung) onHung();
    else if (isPinged) ping();
  }

  wait();
  return {
    received() {
      isSilent = false;
    },
    stop: () => clock.clearTimeout(timer),
  };
}
