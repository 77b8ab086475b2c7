/// <reference lib="esnext.disposable" preserve="true" />

/**
 * Items for one consumer, in their order. Calls of `next()` that overlap are answered in their order, too. `return()`, which leaving the loop calls, ends it at
 * once, also while `next()` is waiting. Until its end it holds resources.
 */
export interface ItemIterator<Item> extends AsyncIterable<Item>, AsyncDisposable {
  next(): Promise<IteratorResult<Item, undefined>>;
  return(): Promise<IteratorReturnResult<undefined>>;
  [Symbol.asyncIterator](): ItemIterator<Item>;
}

const DONE = { done: true, value: undefined } as const;

/**
 * @param take returns the next item, or undefined at the end
 * @param leave ends it, so that `take` returns undefined. It is called when it has ended in whatever way, maybe again
 */
export function iteratorOf<Item>(take: () => Promise<Item | undefined>, leave: () => void): ItemIterator<Item> {
  let turn: Promise<unknown> = Promise.resolve();
  const takeNext = async (): Promise<IteratorResult<Item, undefined>> => {
    try {
      const value = await take();
      if (value !== undefined) return { done: false, value };
    } catch (error) {
      leave();
      throw error;
    }
    leave();
    return DONE;
  };
  return {
    next() {
      const answer = turn.then(takeNext);
      turn = answer.catch(() => {});
      return answer;
    },
    async return() {
      leave();
      return DONE;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      leave();
    },
  };
}
