import { report } from './report.ts';

/**
 * Has handlers called by the listeners of the class alone, where `dispatchEvent` of the platform calls a property named `on…` by itself, as
 * that of workerd does: with another `this`, and before all listeners. It reads the property once, at its start, and then finds nothing. At old compatibility
 * dates it also throws what a listener throws; that is reported, so that it does not end the stream.
 */
export function hideHandlers({ prototype }: { readonly prototype: EventTarget }, names: readonly string[]): void {
  if (!callsHandlers()) return;
  /** The source that dispatches an event and whose handler for it was not read yet, and the name of that handler. */
  let dispatching: unknown;
  let hidden = '';
  // oxlint-disable-next-line typescript/unbound-method -- it is called with the source as this
  const dispatch = prototype.dispatchEvent;
  function dispatchEvent(this: EventTarget, event: Event): boolean {
    // oxlint-disable-next-line typescript/no-this-alias -- it is compared with the source that is read
    dispatching = this;
    hidden = `on${event.type}`;
    try {
      return dispatch.call(this, event);
    } catch (exception) {
      report(exception);
      return !event.defaultPrevented;
    } finally {
      dispatching = undefined;
    }
  }
  Object.defineProperty(prototype, 'dispatchEvent', { value: dispatchEvent, writable: true, configurable: true });
  for (const name of names) {
    const attribute = Object.getOwnPropertyDescriptor(prototype, name);
    const accessors = {
      get [name](): unknown {
        const isHidden = dispatching === (this as unknown) && hidden === name;
        if (isHidden) dispatching = undefined;
        return isHidden ? null : (attribute?.get?.call(this) as unknown);
      },
      set [name](handler: unknown) {
        attribute?.set?.call(this, handler);
      },
    };
    Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(accessors));
  }
}

function callsHandlers(): boolean {
  if (!('EventTarget' in globalThis)) return false;
  let isCalling = false;
  const target = Object.assign(new EventTarget(), { onopen: () => (isCalling = true) });
  target.dispatchEvent(new Event('open'));
  return isCalling;
}
