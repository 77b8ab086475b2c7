import type { Rights } from '@tidings/server';
import type { RequestHead } from '@tidings/server/live';
import { EARLIEST, formatCursor, isCursor, type LogEntry, parseMarked, type Selection } from '@tidings/server/log';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';
import { meantIds, sentId } from './names.ts';
import type { MercureDialect } from './options.ts';

/** The query parameters that stand for `Last-Event-ID`. */
const PARAMETERS: Readonly<Record<MercureDialect, readonly string[]>> = {
  new: ['last_event_id'],
  old: ['last_event_id', 'lastEventID', 'Last-Event-ID'],
};

const HEADERS: Readonly<Record<MercureDialect, string>> = { new: 'Mercure-Last-Event-ID', old: 'Last-Event-ID' };

/** Where a subscriber goes on. */
export interface Resumption {
  /** A cursor, an id or `earliest`; empty if it begins anew. */
  readonly lastEventId: string;
  /** Tells it what was found. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The cursor that a request has, in its header fields or its query. Empty if it has none. */
function cursorOf(request: RequestHead, query: URLSearchParams, dialect: MercureDialect): string {
  const sent = request.header('last-event-id');
  if (sent !== undefined && sent !== '') return sent;
  for (const name of PARAMETERS[dialect]) {
    const value = query.get(name);
    if (value) return value;
  }
  return '';
}

/**
 * Finds the place of the cursor of a request among all events that its sender may know, whatever it subscribes to: a hub has one sequence. The answer names
 * the cursor again if nothing is missing behind it, and `earliest` otherwise.
 */
export async function resume(
  context: FaceContext,
  { request, url, rights }: Exchange,
  dialect: MercureDialect,
  selection: Selection,
): Promise<Resumption> {
  const sent = cursorOf(request, url.searchParams, dialect);
  if (sent === '') return { lastEventId: '', headers: {} };
  const ids = meantIds(sent);
  const [id] = ids;
  const gone = new AbortController();
  const stop = request.onGone?.(() => gone.abort(new Problem('invalid-request', 'The subscriber left')));
  try {
    await context.fanOut.ready(gone.signal);
    const found = id === EARLIEST ? undefined : await find(context, rights, ids, selection, gone.signal);
    const known = found?.isWhole === true ? sent : EARLIEST;
    return { lastEventId: found?.cursor ?? id, headers: { [HEADERS[dialect]]: headerText(known) } };
  } finally {
    stop?.();
  }
}

/**
 * The cursor of what was found, and whether nothing is missing behind it. Undefined if nothing was found. An id that was posted may have become a cursor since, of an
 * epoch that began later: then nothing is missed behind the earlier of the two places.
 */
async function find(
  { log, audience, fanOut }: FaceContext,
  { listen = 'all', private: seen = [] }: Rights,
  ids: readonly string[],
  selection: Selection,
  signal: AbortSignal,
): Promise<{ readonly cursor: string; readonly isWhole: boolean } | undefined> {
  // Nothing is looked for on behalf of those for whom there is no place.
  if (audience.isFull) return undefined;
  const visible = { topics: listen, private: seen };
  const places = await Promise.all(
    ids.map(async (id) => ({ id, ...(await log.locate(parseMarked(id)?.cursor ?? id, visible, { signal })) })),
  );
  const [place] = places.filter(({ misplaced }) => !misplaced).toSorted((a, b) => a.after - b.after);
  if (!place) return undefined;
  const { id, after, head, epoch = fanOut.position.epoch } = place;
  const through = Math.min(after + 1, Math.max(after, head));
  const { trimmedThrough } = await log.read({ selection, after, through, maxBytes: 1 }, { signal });
  return { cursor: isCursor(id) ? id : formatCursor({ epoch, seq: after }), isWhole: trimmedThrough <= after };
}

/** Ids are IRIs, and a header field has the URI of one (RFC 3987, 3.1): servers do not agree on how to send other characters. */
function headerText(id: string): string {
  // oxlint-disable-next-line no-control-regex -- the characters of ASCII are what it excludes
  return id.replaceAll(/[^\u0000-\u007f]+/g, encodeURIComponent);
}

const rendered = new WeakMap<LogEntry, Uint8Array>();

const encoder = new TextEncoder();

/** The length of `id: `, with which every frame begins. */
const START = 4;

/** The bytes of an event with the id that is sent here. They are made once for all cohorts. */
export function renderMercure(entry: LogEntry): Uint8Array {
  const { id, frame } = entry;
  const sent = sentId(id);
  if (sent === id) return frame;
  let bytes = rendered.get(entry);
  if (!bytes) {
    const idBytes = encoder.encode(sent);
    const rest = frame.subarray(START + encoder.encode(id).length);
    bytes = new Uint8Array(START + idBytes.length + rest.length);
    bytes.set(frame.subarray(0, START));
    bytes.set(idBytes, START);
    bytes.set(rest, START + idBytes.length);
    rendered.set(entry, bytes);
  }
  return bytes;
}
