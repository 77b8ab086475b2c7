import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { pipeline, type Duplex, type Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { EventSource } from '@tidings/client';
import { programPath } from '../../scripts/debian.mjs';
import type { Nginx } from './nginx.ts';
import { Reception, type Ending, type Listener } from './reception.ts';

/** What a listener says of content codings: the one that it takes, or nothing. */
export type Accepts = keyof typeof DECODERS | undefined;

const DECODERS = { gzip: createGunzip, zstd: createZstdDecompress };

/** Starts to listen at a path behind the proxy. */
export type Listen = (nginx: Nginx, path: string, accepts?: Accepts) => Listener;

/** Listeners that are no browsers. */
export const LISTENERS: Readonly<Record<string, Listen>> = {
  'curl on HTTP/1.1': (nginx, path, accepts) => curl(nginx.plain + path, '--http1.1', accepts),
  'curl on HTTP/2': (nginx, path, accepts) => curl(nginx.tls + path, '--http2', accepts),
  'fetch of Node on HTTP/1.1': (nginx, path, accepts) => nodeFetch(nginx.plain + path, accepts),
  'node:http2 on HTTP/2': (nginx, path, accepts) => nodeHttp2(nginx.tls, path, accepts),
};

function curl(url: string, version: string, accepts: Accepts): Listener {
  const coding = accepts === undefined ? [] : ['--compressed', '--header', `Accept-Encoding: ${accepts}`];
  const child = spawn(
    programPath('curl'),
    ['--silent', '--no-buffer', '--insecure', '--include', version, ...coding, url],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const reception = new Reception();
  let before = Buffer.alloc(0);
  let head: string | undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    let body = chunk;
    if (head === undefined) {
      before = Buffer.concat([before, chunk]);
      const end = before.indexOf('\r\n\r\n');
      if (end === -1) return;
      head = before.toString('latin1', 0, end);
      body = before.subarray(end + 4);
    }
    if (body.length === 0) return;
    reception.open({
      version: /^HTTP\/([\d.]+)/.exec(head)?.[1] ?? '',
      coding: /^content-encoding: *(.*)$/im.exec(head)?.[1]?.trim(),
    });
    reception.write(body);
  });
  const ended = once(child, 'close').then(([code]): Ending => {
    reception.fail(new Error(`curl ended with ${String(code)} before the response began`));
    return code === 0 ? 'complete' : 'cut';
  });
  return listener(reception, ended, () => void child.kill('SIGKILL'));
}

function nodeFetch(url: string, accepts: Accepts): Listener {
  const leaving = new AbortController();
  const reception = new Reception();
  const listen = async (): Promise<Ending> => {
    try {
      const headers = { 'accept-encoding': accepts ?? 'identity' };
      const response = await fetch(url, { headers, signal: leaving.signal });
      const coding = response.headers.get('content-encoding') ?? undefined;
      for await (const chunk of response.body!) {
        reception.open({ version: '1.1', coding });
        reception.write(chunk);
      }
      return 'complete';
    } catch (error) {
      reception.fail(error);
      return 'cut';
    }
  };
  return listener(reception, listen(), () => leaving.abort());
}

function nodeHttp2(origin: string, path: string, accepts: Accepts): Listener {
  const session = connect(origin, { rejectUnauthorized: false });
  session.on('error', () => {});
  const stream = session.request({ ':path': path, ...(accepts ? { 'accept-encoding': accepts } : {}) });
  const reception = new Reception();
  const listen = async (): Promise<Ending> => {
    try {
      const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      const coding = headers['content-encoding'];
      const version = session.alpnProtocol === 'h2' ? '2' : '1.1';
      const body = coding !== undefined && accepts !== undefined ? compose(stream, DECODERS[accepts]()) : stream;
      for await (const chunk of body) {
        reception.open({ version, coding });
        reception.write(chunk as Buffer);
      }
      return stream.rstCode === 0 ? 'complete' : 'cut';
    } catch (error) {
      reception.fail(error);
      return 'cut';
    }
  };
  return listener(reception, listen(), () => session.destroy());
}

function compose(from: Readable, through: Duplex): Duplex {
  // What goes wrong in either is told by the one that is read.
  pipeline(from, through, () => {});
  return through;
}

/** This project's EventSource. It comes back when its stream ends, so it has no ending. */
export const eventSource: Listen = (nginx, path) => {
  const reception = new Reception();
  const source = new EventSource(nginx.plain + path);
  source.addEventListener('message', ({ data }) => reception.add(data));
  source.addEventListener('open', () => reception.open({ version: '1.1', coding: undefined }));
  return listener(reception, undefined, () => source.close());
};

function listener(reception: Reception, ended: Promise<Ending> | undefined, leave: () => void): Listener {
  return {
    opened: reception.opened,
    received: () => Promise.resolve(reception.events),
    reach: (events, comments) => reception.reach(events, comments),
    ...(ended ? { ended } : {}),
    leave,
  };
}
