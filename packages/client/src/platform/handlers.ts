/**
 * Has handlers called by the listeners of the class alone, where `dispatchEvent` of the platform calls a property named `on…` by itself, as
 * that of workerd does: with another `this`, and before all listeners. It reads the property once, at its start, and then finds nothing.
 */
export function hideHandlers({ prototype }: { readonly prototype: EventTarget }, names: readonly string[]): void {
  if (!callsHandlers()) return;
  /** The source that dispatches an event and whose handler for it was not read yet, and the name of that handler. */
  let dispatching: EventTarget | undefined;
  let hidden = '';
  const { dispatchEvent } = prototype;
  const own = {
    dispatchEvent(this: EventTarget, event: Event): boolean {
      dispatching = this;
      hidden = `on${event.type}`;
      try {
        return dispatchEvent.call(this, event);
      } finally {
        dispatching = undefined;
      }
    },
  };
  Object.defineProperty(prototype, 'dispatchEvent', { value: own.dispatchEvent, writable: true, configurable: true });
  for (const name of names) {
    const { get, set } = Object.getOwnPropertyDescriptor(prototype, name) ?? {};
    const accessors = {
      get [name](): unknown {
        const source: unknown = this;
        const isHidden = dispatching === source && hidden === name;
        if (isHidden) dispatching = undefined;
        return isHidden ? null : get?.call(this);
      },
      set [name](handler: unknown) {
        set?.call(this, handler);
      },
    };
    Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(accessors));
  }
}

function callsHandlers(): boolean {
  let isCalling = false;
  if (!('EventTarget' in globalThis)) return false;
  const target = Object.assign(new EventTarget(), { onopen: () => (isCalling = true) });
  target.dispatchEvent(new Event('open'));
  return isCalling;
}
