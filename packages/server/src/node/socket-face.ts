import type { AddressInfo, Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** A Duplex in place of a socket, with the methods and fields that http and its users need. */
export abstract class SocketFace extends Duplex {
  readonly socket: Socket;
  /** Whether other code owns the socket by now. Then it must not be touched. */
  protected isTaken = false;

  constructor(socket: Socket) {
    const { readableHighWaterMark, writableHighWaterMark } = socket;
    super({ decodeStrings: false, readableHighWaterMark, writableHighWaterMark });
    this.socket = socket;
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  resetAndDestroy(): this {
    if (!this.isTaken) this.socket.resetAndDestroy();
    return this;
  }

  setTimeout(ms: number, listener?: () => void): this {
    if (!this.isTaken) this.socket.setTimeout(ms);
    if (listener && ms > 0) this.once('timeout', listener);
    else if (listener) this.off('timeout', listener);
    return this;
  }

  setNoDelay(noDelay?: boolean): this {
    this.socket.setNoDelay(noDelay);
    return this;
  }

  setKeepAlive(...settings: Parameters<Socket['setKeepAlive']>): this {
    this.socket.setKeepAlive(...settings);
    return this;
  }

  ref(): this {
    this.socket.ref();
    return this;
  }

  unref(): this {
    this.socket.unref();
    return this;
  }

  address(): AddressInfo | Record<string, never> {
    return this.socket.address();
  }

  get timeout(): number | undefined {
    return this.socket.timeout;
  }

  get connecting(): boolean {
    return this.socket.connecting;
  }

  get pending(): boolean {
    return this.socket.pending;
  }

  get readyState(): Socket['readyState'] {
    return this.socket.readyState;
  }

  get remoteAddress(): string | undefined {
    return this.socket.remoteAddress;
  }

  get remoteFamily(): string | undefined {
    return this.socket.remoteFamily;
  }

  get remotePort(): number | undefined {
    return this.socket.remotePort;
  }

  get localAddress(): string | undefined {
    return this.socket.localAddress;
  }

  get localFamily(): string | undefined {
    return this.socket.localFamily;
  }

  get localPort(): number | undefined {
    return this.socket.localPort;
  }

  get bytesRead(): number {
    return this.socket.bytesRead;
  }

  get bytesWritten(): number {
    return this.socket.bytesWritten;
  }
}
