/** A mistake that somebody could make in the code: a text of a compiled file, and what stands in its place. */
export interface Defect {
  /** What the code does wrongly then. */
  readonly name: string;
  /** A file of a package, by the folder of the package and the path below its `dist`. */
  readonly file: readonly [folder: string, path: string];
  readonly find: string;
  readonly replace: string;
  /** A seed with which the gate's simulation finds it soon. */
  readonly seed: number;
}

/** Mistakes that the simulation has to find, one at a time. */
export const DEFECTS: readonly Defect[] = [
  {
    name: 'a listener joins its cohort one event too early',
    file: ['server', 'live/listener-state.js'],
    find: 'if (next.position === flushed && !next.misplaced) {',
    replace: 'if (next.position >= flushed - 1 && !next.misplaced) {',
    seed: 2,
  },
  {
    name: 'a listener that was too slow goes on behind the next event',
    file: ['server', 'live/listener-state.js'],
    find: 'const next = { position: input.flushed, told: input.flushed, trims: 0 };\n            if (input.needsDrain)',
    replace:
      'const next = { position: input.flushed + 1, told: input.flushed, trims: 0 };\n            if (input.needsDrain)',
    seed: 4,
  },
  {
    name: 'a listener that is ahead of its node is given events again',
    file: ['server', 'live/listener-state.js'],
    find: 'if (next.position > flushed)',
    replace: 'if (next.position > flushed) return joining();\n    if (next.position > flushed)',
    seed: 2,
  },
  {
    name: 'who asks for the earliest event is told of those that were trimmed before',
    file: ['server', 'log/start.js'],
    find: "return { type: 'after', after: 0, told: head, trims, announce: false, finalSeq };",
    replace: "return { type: 'after', after: 0, told: 0, trims, announce: false, finalSeq };",
    seed: 9,
  },
  {
    name: 'nothing is told of what was trimmed',
    file: ['server', 'live/listener-state.js'],
    find: "return state.phase === 'reading' ? gapInPage(state, page) : undefined;",
    replace: 'return undefined;',
    seed: 8,
  },
  {
    name: 'what was committed while the connection to the log was lost is left out',
    file: ['server', 'live/fan-out.js'],
    find: 'this.#listeners.skipTo(start);\n            return;',
    replace: 'this.#ticker.startBehind(start);\n            return;',
    seed: 14,
  },
  {
    name: 'cursors of an earlier epoch are foreign',
    file: ['server', 'log/epochs.js'],
    find: 'const end = this.#ends.get(epoch) ?? -1;',
    replace: 'const end = -1;',
    seed: 2,
  },
  {
    name: 'a heartbeat names the event that comes next',
    file: ['server', 'live/keep-alives.js'],
    find: 'const position = this.#position(this.#ticker.flushedFor(view));',
    replace: 'const position = this.#position(this.#ticker.flushedFor(view) + 1);',
    seed: 7,
  },
  {
    name: 'a page that is shared reaches past events that came after it was read',
    file: ['server', 'live/catch-up.js'],
    find: 'if (page.through < flushed && cohort.isQuietSince(page.through))',
    replace: 'if (page.through < flushed)',
    seed: 2,
  },
  {
    name: 'what comes while rights are renewed is left out',
    file: ['server', 'live/listener-state.js'],
    find: "if (state.phase !== 'held')\n                return unchanged;\n            return goOn(whereIs(state), input.flushed, input.needsDrain);",
    replace: "if (state.phase !== 'held')\n                return unchanged;\n            return joining();",
    seed: 4,
  },
  {
    name: 'a batch that is published again is stored again',
    file: ['server', 'log/memory/known-keys.js'],
    find: 'const known = batch.key === undefined ? undefined : this.#keys.get(batch.key);',
    replace: 'const known = undefined;',
    seed: 8,
  },
  {
    name: 'a subscription names an event that its program has not taken yet',
    file: ['client', 'subscription/subscription.js'],
    find: 'return !this.#feed || this.#queue.size > 0 ? this.#takenId : this.#feed.lastEventId;',
    replace: 'return !this.#feed ? this.#takenId : this.#feed.lastEventId;',
    seed: 8,
  },
  {
    name: 'a connection that is made again does not name its position',
    file: ['client', 'connection/connection.js'],
    find: '...(this.#sentId && {',
    replace: '...(this.#state.waits === 0 && this.#sentId && {',
    seed: 4,
  },
];
