import type { AudienceStats } from '@tidings/server/live';
import type { LogTotals } from '@tidings/server/log';
import { CONNECTION_REFUSALS, Durations } from '../../counts.ts';
import { PROBLEMS } from '../../http/problem.ts';
import type { FaceContext } from '../face.ts';
import { byLabel, counter, type Family, gauge } from './exposition.ts';

/** Why requests are refused: each is there from the beginning, so that a rise from 0 is seen. */
const REFUSALS: readonly string[] = [...Object.keys(PROBLEMS), 'expired', 'other'];

const OUTCOMES: readonly string[] = ['published', ...Object.keys(PROBLEMS)];

/** What the processes of a hub do not count for themselves. */
export interface Whole {
  readonly upSeconds: number;
  readonly isUp: boolean;
  /** How many processes serve the hub. */
  readonly processes: number;
  /** Events that the log has handed over. */
  readonly events: number;
  readonly log: LogTotals | undefined;
}

/** The numbers of a hub as a whole. Nothing in them belongs to one topic. */
export function wholeFamilies({ limits }: FaceContext, whole: Whole): readonly Family[] {
  const { upSeconds, isUp, processes, events, log } = whole;
  return [
    gauge('tidings_uptime_seconds', 'How long the hub has been up', upSeconds),
    gauge('tidings_up', 'Whether the hub can publish, as its health says: 1 or 0', isUp ? 1 : 0),
    gauge('tidings_processes', 'Processes that serve the hub', processes),
    gauge('tidings_listener_places', 'The most listeners that the hub lets in', limits.maxListeners),
    counter('tidings_events_total', 'Events that the log handed over, whoever published them', events),
    ...(log
      ? [
          gauge('tidings_log_events', 'Events that the log keeps', log.events),
          gauge('tidings_log_bytes', 'What the log keeps, in bytes as retention by size counts them', log.bytes),
        ]
      : []),
  ];
}

/** The numbers of one process. Their cost grows with the number of its listeners. */
export function ownFamilies({ audience, fanOut, counts }: FaceContext): readonly Family[] {
  return [
    ...listenerFamilies(audience.stats()),
    byLabel(
      { name: 'tidings_publishes_total', type: 'counter', help: 'Publishes by what came of them' },
      'outcome',
      OUTCOMES.map((name) => [name, counts.publishes.of(name)]),
    ),
    counter(
      'tidings_repeats_total',
      'Publishes that were sent again with their key, and not stored again',
      counts.repeats,
    ),
    counter('tidings_received_bytes_total', 'Bytes of bodies that were read, decoded', counts.receivedBytes),
    byLabel(
      { name: 'tidings_refusals_total', type: 'counter', help: 'Refused requests by the name of their problem' },
      'reason',
      REFUSALS.map((name) => [name, counts.refusals.of(name)]),
    ),
    gauge(
      'tidings_log_position',
      'The sequence number up to which the log has been handed over',
      fanOut.position.seq,
      'max',
    ),
    writeTimes(counts.writes),
    byLabel(
      { name: 'tidings_connections', type: 'gauge', help: 'Open connections by what is spoken on them' },
      'protocol',
      Object.entries(counts.open),
    ),
    counter('tidings_connections_total', 'Connections that were accepted', counts.accepted),
    byLabel(
      { name: 'tidings_refused_connections_total', type: 'counter', help: 'Connections that were closed at once' },
      'reason',
      CONNECTION_REFUSALS.map((name) => [name, counts.refusedConnections[name]]),
    ),
  ];
}

function listenerFamilies(stats: AudienceStats): readonly Family[] {
  const { listeners, live, delivered, bytes, backlog, overflows, dropped, gaps, pages } = stats;
  return [
    gauge('tidings_listeners', 'Listeners, those that catch up included', listeners),
    gauge('tidings_live_listeners', 'Listeners that are written to in lockstep', live),
    counter('tidings_delivered_events_total', 'Events written to listeners, once for each listener', delivered),
    counter('tidings_delivered_bytes_total', 'Bytes of event streams, before any coding', bytes),
    gauge('tidings_backlog_bytes', 'Bytes that wait for listeners to read', backlog.total),
    gauge('tidings_longest_backlog_bytes', 'The most bytes that wait for one listener', backlog.max, 'max'),
    counter('tidings_slow_listeners_total', 'Times a listener fell behind and was caught up from the log', overflows),
    counter(
      'tidings_dropped_events_total',
      'Events that listeners never got, as they were slower than the log keeps',
      dropped,
    ),
    counter('tidings_gaps_total', 'Times a listener was told that events are missing', gaps),
    counter('tidings_catch_up_pages_total', 'Pages read from the log for listeners that catch up', pages),
  ];
}

function writeTimes({ counts, count, sum }: Durations): Family {
  let upTo = 0;
  const buckets = Durations.BOUNDS.map((bound, index) => {
    upTo += counts[index] ?? 0;
    // With a point: OpenMetrics has it so.
    const le = Number.isInteger(bound) ? `${bound}.0` : String(bound);
    return { suffix: '_bucket', labels: { le }, value: upTo };
  });
  return {
    name: 'tidings_log_write_seconds',
    type: 'histogram',
    help: 'How long the log took for a write that succeeded, be it events, topics, leases or revocations',
    samples: [
      ...buckets,
      { suffix: '_bucket', labels: { le: '+Inf' }, value: count },
      { suffix: '_sum', value: sum },
      { suffix: '_count', value: count },
    ],
  };
}
