import type { FollowStart, MemoryLog } from '@tidings/server/log';

/** Up to where a log in memory has its events, and its numbering. */
export function positionOf(log: MemoryLog): FollowStart {
  let position: FollowStart = { epoch: '', seq: 0, publicSeq: 0 };
  log.follow({ onStart: (start) => (position = start), onBatch: () => {}, onLost: () => {} }).stop();
  return position;
}
