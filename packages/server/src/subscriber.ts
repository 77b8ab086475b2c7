import type { Cohort } from './cohort.ts';
import type { Sink } from './sink.ts';
import type { SubscriberState } from './subscriber-state.ts';

/** One listener: its state, its cohort and where its bytes go. */
export interface Subscriber {
  readonly sink: Sink;
  readonly cohort: Cohort;
  state: SubscriberState;
}
