import type { ListenerInput } from './listener-state.ts';
import type { Listener } from './listener.ts';

interface Inputs {
  input(listener: Listener, input: ListenerInput): void;
}

/** Reports that a listener has gone. */
export function watchEnd(listeners: Inputs, listener: Listener): void {
  listener.sink.onClose = () => listeners.input(listener, { type: 'end' });
}

/** Reports that the socket of a listener that was too slow takes more. Most listeners are never too slow, and need no function for that. */
export function watchDrain(listeners: Inputs, listener: Listener): void {
  listener.sink.onDrain = () => listeners.input(listener, { type: 'drain' });
}
