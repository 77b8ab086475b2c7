import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { constants, createGunzip, createZstdDecompress } from 'node:zlib';

// Longer than any event
const KEPT_CHARACTERS = 4096;

const DECODERS: Readonly<Record<string, () => Duplex>> = {
  gzip: () => createGunzip({ flush: constants.Z_SYNC_FLUSH }),
  zstd: () => createZstdDecompress({ flush: constants.ZSTD_e_flush }),
};

/** A listener that decodes what it gets. */
export class Decoding {
  readonly #response: IncomingMessage;
  /** The end of the decoded text. */
  #text = '';
  /** Bytes of the connection up to the last event. */
  #counted: number;
  #awaited: { readonly data: string; readonly resolve: (bytes: number) => void } | undefined;

  private constructor(response: IncomingMessage) {
    this.#response = response;
    this.#counted = response.socket.bytesRead;
    const decoder = DECODERS[response.headers['content-encoding'] ?? '']?.();
    const body = decoder ? response.pipe(decoder) : response;
    body.setEncoding('utf8').on('data', (text: string) => {
      this.#text = (this.#text + text).slice(-KEPT_CHARACTERS);
      this.#check();
    });
  }

  /** Fulfils when the head has come and what else came with it. Rejects where the response is not coded as was asked. */
  static async connect(port: number, path: string, coding: string): Promise<Decoding> {
    const headers = { Accept: 'text/event-stream', 'Accept-Encoding': coding };
    const request = get({ port, host: '127.0.0.1', path, headers, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const got = response.headers['content-encoding'] ?? 'identity';
    if (got !== coding) throw new Error(`The server was asked for ${coding}, and answered in ${got}`);
    return new Decoding(response);
  }

  /** Waits until an event with this data has come, and returns the bytes of the connection since the event before it. */
  expect(data: string): Promise<number> {
    return new Promise((resolve) => {
      this.#awaited = { data, resolve };
      this.#check();
    });
  }

  leave(): void {
    this.#response.destroy();
  }

  #check(): void {
    if (!this.#awaited || !this.#text.includes(`${this.#awaited.data}\n\n`)) return;
    const { bytesRead } = this.#response.socket;
    const { resolve } = this.#awaited;
    this.#awaited = undefined;
    resolve(bytesRead - this.#counted);
    this.#counted = bytesRead;
  }
}
