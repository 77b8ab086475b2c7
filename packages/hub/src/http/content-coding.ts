import { createGunzip } from 'node:zlib';
import { Problem } from './problem.ts';

/** The members of a request that are needed. */
interface CodedRequest {
  readonly body: AsyncIterable<Uint8Array>;
  header(name: string): string | undefined;
}

/** A body as it was before its sender coded it. */
export interface DecodedBody {
  readonly parts: AsyncIterator<Uint8Array>;
  /** Lets go of what decodes it. The request itself is left as it is. */
  readonly end: () => void;
}

/**
 * Undoes the content coding of a request's body (PROTOCOL §4.8). It is decoded a part at a time, as it is read, so its reader bounds it.
 * @throws {Problem} `unsupported-coding`
 */
export function decodeBody(request: CodedRequest): DecodedBody {
  const coding = codingOf(request.header('content-encoding'));
  const parts = request.body[Symbol.asyncIterator]();
  return coding === 'gzip' ? gunzip(parts) : { parts, end: () => {} };
}

/** The content coding of a body. @throws {Problem} `unsupported-coding` */
export function codingOf(field: string | undefined): 'identity' | 'gzip' {
  const coding = field?.trim().toLowerCase() ?? '';
  if (coding === '' || coding === 'identity') return 'identity';
  // RFC 9110, 8.4.1.3.
  if (coding === 'gzip' || coding === 'x-gzip') return 'gzip';
  throw new Problem('unsupported-coding', `The body is coded with ${JSON.stringify(coding)}; allowed is gzip`, {
    headers: { 'Accept-Encoding': 'gzip' },
  });
}

function gunzip(coded: AsyncIterator<Uint8Array>): DecodedBody {
  const inflate = createGunzip();
  const feed = async (): Promise<void> => {
    for (;;) {
      const step = await coded.next();
      if (inflate.destroyed) return;
      if (step.done === true) break;
      // Called back when the part has been decoded and taken, also if decoding is given up.
      await new Promise<void>((resolve) => void inflate.write(step.value, () => resolve()));
    }
    inflate.end();
  };
  feed().catch((error: unknown) => inflate.destroy(error instanceof Error ? error : new Error(String(error))));
  return { parts: inflated(inflate), end: () => void inflate.destroy() };
}

async function* inflated(inflate: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* inflate;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))) throw error;
    throw new Problem('invalid-event', 'The body is not valid gzip', { cause: error });
  }
}
