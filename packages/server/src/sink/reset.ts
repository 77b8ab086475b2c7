import type { Socket } from 'node:net';

/** Breaks a connection off, so that it cannot look finished. */
export function reset(socket: Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    // Only TCP can; the others are destroyed with their response. TLS shows by itself that its end was not announced.
  }
}
