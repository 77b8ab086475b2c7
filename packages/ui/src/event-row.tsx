import { Component } from 'preact';
import type { JSX } from 'preact';
import { EventBody } from './event-body.tsx';
import type { EventRow, FeedRow, GapRow } from './feed.ts';
import { clockText } from './time-text.ts';

interface FeedRowProps {
  readonly row: FeedRow;
  /** Whether it has an older value of a key. */
  readonly isOlder: boolean;
}

/** One row of a feed. A row never changes, so it is rendered once, however many more arrive. */
export class FeedRowView extends Component<FeedRowProps> {
  override shouldComponentUpdate(next: FeedRowProps): boolean {
    return next.row !== this.props.row || next.isOlder !== this.props.isOlder;
  }

  override render(): JSX.Element {
    const { row, isOlder } = this.props;
    return row.kind === 'gap' ? <Gap row={row} /> : <Event row={row} isOlder={isOlder} />;
  }
}

function Event({ row, isOlder }: { row: EventRow; isOlder: boolean }): JSX.Element {
  return (
    <li class={`row${row.missed ? ' missed' : ''}${isOlder ? ' older' : ''}`} data-id={row.id} data-type={row.type}>
      <div class="row-head">
        {row.time !== undefined && (
          <time dateTime={row.time} title={row.time}>
            {clockText(row.time, Date.now())}
          </time>
        )}
        <span class={row.type === 'message' ? 'type plain' : 'type'}>{row.type}</span>
        {row.latestKey !== undefined && (
          <span class="key" title={row.latestKey}>
            {row.forgetsKey ? 'forgets key' : 'key'} <code>{row.latestKey}</code>
          </span>
        )}
        {row.missed && (
          <span class="note" title="Published while this page had no connection">
            caught up
          </span>
        )}
        {isOlder && (
          <span class="note" title="A newer event has the same key: this topic keeps the latest">
            replaced
          </span>
        )}
        <span class="id" title={row.id}>
          {row.id}
        </span>
      </div>
      <EventBody row={row} />
    </li>
  );
}

const REASONS: Readonly<Record<string, string>> = {
  trimmed: 'The hub keeps events for a limited time or up to a limited size.',
  unknown: 'The hub does not hold the event this page had reached, so how many are missing cannot be known.',
  foreign: 'The hub has begun a new log since.',
  ahead: 'The hub’s log was set back to an earlier state.',
};

function Gap({ row }: { row: GapRow }): JSX.Element {
  return (
    <li class="row gap" data-id={row.id} data-type="tidings-gap" data-gap={row.reason}>
      <p>
        {row.reason === 'deleted' ? (
          // It stands where the topic was deleted, whether or not its events were shown before.
          'The topic was deleted, and its events are gone from the hub.'
        ) : (
          <>
            Events between <code>{row.after}</code> and <code>{row.resumedAt}</code> are no longer kept ({row.reason}).
          </>
        )}
      </p>
      <p class="gap-reason">{REASONS[row.reason]}</p>
    </li>
  );
}
