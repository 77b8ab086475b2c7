import { useSignal, useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { describeConnection, isTroubled } from './connection.ts';
import type { ConnectionText } from './connection.ts';
import { connection, openFeed, retryNow } from './page.ts';
import { isPaused } from './places.ts';

/** How often the seconds to the next attempt are counted, in milliseconds. */
const TICK_MS = 250;

const PAUSED: ConnectionText = {
  tone: 'busy',
  text: 'Paused: other tabs have all connections. It goes on when you use this tab, and nothing is missed.',
  seconds: undefined,
};

/** Who may not have the list is told that in its place. There is nothing to try again. */
const WITHOUT_LIST: ConnectionText = { tone: 'calm', text: 'Ready', seconds: undefined };

/** The state of the connection in words, with a way to try again at once. */
export function ConnectionBanner(): JSX.Element {
  const tick = useSignal(0);
  useSignalEffect(() => {
    if (connection.value.phase !== 'waiting') return undefined;
    const timer = setInterval(() => (tick.value += 1), TICK_MS);
    return () => clearInterval(timer);
  });

  const { phase, status } = connection.value;
  const isWithoutList = openFeed.value === null && phase === 'closed' && status === 403;
  void tick.value;
  const { tone, text, seconds } = isPaused.value
    ? PAUSED
    : isWithoutList
      ? WITHOUT_LIST
      : describeConnection(connection.value, Date.now());
  const hasTrouble = isTroubled(connection.value) && !isWithoutList;
  const isLong = isPaused.value || hasTrouble;
  return (
    <div id="connection" class={isLong ? 'connection long' : 'connection'} data-phase={phase} data-tone={tone}>
      <span class="connection-light" aria-hidden="true" />
      <p role="status">
        {text}
        {seconds !== undefined && <span aria-hidden="true">{` in ${seconds} s…`}</span>}
      </p>
      {hasTrouble && phase !== 'connecting' && (
        <button type="button" id="try-now" onClick={retryNow}>
          Try now
        </button>
      )}
    </div>
  );
}
