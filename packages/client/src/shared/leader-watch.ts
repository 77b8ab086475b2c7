import type { Clock } from '../platform/clock.ts';

/** How long the leader may be silent, in milliseconds, before it is asked, and then how long its answer may take. */
const SILENT_MS = 10_000;

/** Notices a leader that hangs: one that has its lock and says nothing more, asked or not. */
export interface LeaderWatch {
  /** The leader has said something. */
  heard(): void;
  stop(): void;
}

/** Some chance is added to each wait, so that tabs do not ask, or find out, all at once. */
export function watchLeader(clock: Clock, ask: () => void, onHung: () => void): LeaderWatch {
  let isSilent = false;
  let isAsked = false;
  let timer: unknown;

  function wait(): void {
    timer = clock.setTimeout(look, SILENT_MS * (1 + clock.random() / 2));
  }

  function look(): void {
    const isHung = isSilent && isAsked;
    isAsked = isSilent && !isAsked;
    isSilent = true;
    wait();
    if (isHung) onHung();
    else if (isAsked) ask();
  }

  wait();
  return {
    heard() {
      isSilent = false;
    },
    stop: () => clock.clearTimeout(timer),
  };
}
