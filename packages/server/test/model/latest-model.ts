import type { PublishedEvent } from './published.ts';

/** Which event is the newest of its key in each topic, written down again for topics that keep the latest. */
export class LatestModel {
  readonly #newest = new Map<string, PublishedEvent>();
  readonly #keepsLatest: (topic: string) => boolean;

  constructor(keepsLatest: (topic: string) => boolean) {
    this.#keepsLatest = keepsLatest;
  }

  /** Takes note of an event in some of its topics, and returns those that it replaces. */
  add(event: PublishedEvent, topics: readonly string[]): PublishedEvent[] {
    const replaced: PublishedEvent[] = [];
    for (const topic of topics) {
      const before = this.#newestLike(event, topic);
      if (before && before.seq >= event.seq) continue;
      this.#newest.set(placeOf(event, topic), event);
      if (before && this.#isReplaced(before)) replaced.push(before);
    }
    return replaced;
  }

  /** The topic keeps all from now on. */
  forget(topic: string): void {
    for (const place of this.#newest.keys()) if (place.startsWith(`${topic} `)) this.#newest.delete(place);
  }

  #isReplaced(event: PublishedEvent): boolean {
    const { topics } = event;
    // Some may see a private event by one of its topics who do not see the newer ones of the others.
    if (event.private && topics.length > 1) return false;
    return topics.every((topic) => this.#keepsLatest(topic) && this.#newestLike(event, topic) !== event);
  }

  /** The newest kept event of its key in a topic. */
  #newestLike(event: PublishedEvent, topic: string): PublishedEvent | undefined {
    const found = this.#newest.get(placeOf(event, topic));
    return found?.trimmedAt === Infinity ? found : undefined;
  }
}

function placeOf({ private: isPrivate, name }: PublishedEvent, topic: string): string {
  return `${topic} ${isPrivate} ${name}`;
}
