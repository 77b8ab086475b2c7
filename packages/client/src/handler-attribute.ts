/** What an `on…` attribute holds. An object that cannot be called is kept and never called. */
export type EventHandler<E extends Event, T extends EventTarget = EventTarget> =
  | ((this: T, event: E) => unknown)
  | null;

/**
 * An event handler attribute ([spec] 8.1.8.1): null or an object. It takes its place among the listeners when it is
 * set from null, and another handler takes over that place.
 */
export class HandlerAttribute<E extends Event> {
  readonly #target: EventTarget;
  readonly #type: string;
  #value: EventHandler<E> = null;
  readonly #listener = (event: Event): unknown =>
    typeof this.#value === 'function' ? this.#value.call(this.#target, event as E) : undefined;

  constructor(target: EventTarget, type: string) {
    this.#target = target;
    this.#type = type;
  }

  get value(): EventHandler<E> {
    return this.#value;
  }

  /** Anything but an object counts as null. */
  set(value: unknown): void {
    const isObject = typeof value === 'function' || (typeof value === 'object' && value !== null);
    this.#value = isObject ? (value as EventHandler<E>) : null;
    // Adding the same listener again changes nothing, so a replaced handler keeps its place.
    if (isObject) this.#target.addEventListener(this.#type, this.#listener);
    else this.#target.removeEventListener(this.#type, this.#listener);
  }
}
