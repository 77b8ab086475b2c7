import { connect } from 'node:net';

/** What came back on a connection; the status is undefined if it was closed without an answer. */
export interface RawReply {
  readonly status: number | undefined;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** Whether it is a stream that goes on. */
  readonly isStream: boolean;
}

const NONE: RawReply = { status: undefined, headers: new Map(), body: '', isStream: false };

/** Sends bytes on a connection of their own, and reads one answer: all of it, or the head of a stream. */
export function send(port: number, bytes: Uint8Array, isCut: boolean): Promise<RawReply> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let text = '';
    const done = (): void => {
      resolve(replyOf(text));
      socket.destroy();
    };
    socket
      .setEncoding('latin1')
      .on('error', () => {})
      .on('close', done);
    socket.on('data', (chunk) => {
      text += String(chunk);
      if (replyOf(text).isStream) done();
    });
    socket.write(bytes);
    // What is cut off never comes whole: its sender leaves.
    if (isCut) socket.end();
  });
}

function replyOf(text: string): RawReply {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return NONE;
  const [line = '', ...fields] = text.slice(0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]);
  const rest = text.slice(end + 4);
  // What asks for the body is no answer.
  if (status === 100) return replyOf(rest);
  const headers = new Map(
    fields.map((field) => [
      field.slice(0, field.indexOf(':')).toLowerCase(),
      field.slice(field.indexOf(':') + 1).trim(),
    ]),
  );
  const isStream =
    status === 200 && headers.get('content-type') === 'text/event-stream' && !headers.has('content-length');
  return { status, headers, body: Buffer.from(rest, 'latin1').toString(), isStream };
}
