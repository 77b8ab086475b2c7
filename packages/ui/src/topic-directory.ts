/** One topic of the list (PROTOCOL §7). */
export interface TopicSummary {
  readonly topic: string;
  /** Whether it is behind its final event, as far as the reader may know. */
  readonly isClosed: boolean;
  /** Whether one producer has it for itself, as far as the reader may know. */
  readonly isLeased: boolean;
  /** Events that are kept. */
  readonly events: number;
  readonly listeners: number;
  /** The time of the newest event, ISO 8601. */
  readonly last: string | undefined;
}

export interface TopicDirectory {
  readonly topics: readonly TopicSummary[];
  /** How many topics there are: the list holds at most 1,000 of them. */
  readonly total: number;
}

/** Reads the hub's list of topics. Undefined where the text is not one. */
export function readDirectory(json: string): TopicDirectory | undefined {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!isRecord(document) || !Array.isArray(document['topics'])) return undefined;
  const topics: TopicSummary[] = [];
  for (const entry of document['topics'] as unknown[]) {
    if (!isRecord(entry) || typeof entry['topic'] !== 'string') continue;
    topics.push({
      topic: entry['topic'],
      isClosed: entry['state'] === 'closed',
      isLeased: entry['leased'] === true,
      events: count(entry['events']),
      listeners: count(entry['listeners']),
      last: typeof entry['last'] === 'string' ? entry['last'] : undefined,
    });
  }
  return { topics, total: Math.max(topics.length, count(document['total'])) };
}

/** The topics whose name holds every word of the filter, whatever the case. */
export function filterTopics(topics: readonly TopicSummary[], filter: string): readonly TopicSummary[] {
  const words = filter.toLowerCase().split(/\s+/u).filter(Boolean);
  if (words.length === 0) return topics;
  return topics.filter(({ topic }) => {
    const name = topic.toLowerCase();
    return words.every((word) => name.includes(word));
  });
}

/** The topics in the order they were shown in, new ones last, so that a list does not move under the pointer. */
export function keepOrder(topics: readonly TopicSummary[], shown: readonly string[]): readonly TopicSummary[] {
  const place = new Map(shown.map((topic, index) => [topic, index]));
  const placeOf = ({ topic }: TopicSummary): number => place.get(topic) ?? shown.length;
  return topics.toSorted((a, b) => placeOf(a) - placeOf(b));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
