import { report } from '../platform/report.ts';
import { byteLength, decodeEvent } from './event.ts';
import type { PublisherOptions } from './options.ts';
import type { OutboxContent } from './outbox.ts';
import type { PublishError } from './publish-error.ts';
import type { Entry } from './queue.ts';

/** An event of an earlier run, whose outcome is told to the function in the options. */
export function keptEntry({ seq, line }: OutboxContent['events'][number], onKept: PublisherOptions['onKept']): Entry {
  const {
    topic,
    event: { lease, close = false },
  } = decodeEvent(line);
  const tell = (outcome: { id: string } | { error: PublishError }): void => {
    if (onKept) callSafely(() => onKept({ ...decodeEvent(line), ...outcome }));
    else if ('error' in outcome) report(outcome.error);
  };
  return {
    seq,
    topic,
    lease,
    closes: close,
    line,
    bytes: byteLength(line),
    isKept: true,
    onAdmitted: () => {},
    onStored: (id) => tell({ id }),
    onFailed: (error) => tell({ error: error as PublishError }),
  };
}

/** Calls a function of the program. What it throws is reported, and changes nothing here. */
export function callSafely(call: () => void): void {
  try {
    call();
  } catch (exception) {
    report(exception);
  }
}
