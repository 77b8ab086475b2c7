import type { Clock } from '@tidings/server/live';
import { KeyError, readKeySet, type VerifyKey } from './verify-key.ts';
import { isLoopback } from '../../http/loopback.ts';
import { TokenError } from './token-error.ts';

// How old keys may be before they are asked for again, while those at hand go on to be used.
const FRESH_MS = 10 * 60_000;

// Keys that nobody knows are asked for at most this often: a stranger may name any.
const COOLDOWN_MS = 30_000;

/** How long keys go on to be used whose issuer cannot be reached, in milliseconds. */
const MAX_OUTAGE_MS = 24 * 60 * 60_000;

const TIMEOUT_MS = 5000;
const MAX_BYTES = 256 * 1024;

/** The keys at a URL (JWKS), which may change. They are asked for when the first token comes. */
export class RemoteKeys {
  readonly #url: URL;
  readonly #clock: Clock;
  readonly #warn: (about: object, message: string) => void;
  /** Whether it was told that some are left out. */
  #hasWarned = false;
  #keys: readonly VerifyKey[] = [];
  /** When they were got, and when they were last asked for, by the clock's `now`. */
  #gotAt = -Infinity;
  #askedAt = -Infinity;
  #asking: Promise<void> | undefined;
  /** Whether they were not got when they were last asked for. */
  #isAway = false;

  /**
   * @param warn is told why keys could not be got, each time, and that some are left out, once
   * @throws {KeyError}
   */
  constructor(url: string, clock: Clock, warn: (about: object, message: string) => void) {
    if (URL.canParse(url) && hasUser(new URL(url))) {
      // Not what it is: it has a secret.
      throw new KeyError(
        'a URL with a user or a password, but it must have neither: it is written into logs, and a JWKS is public',
      );
    }
    if (!URL.canParse(url) || !isSafe(new URL(url))) {
      throw new KeyError(
        `the URL ${JSON.stringify(withoutSecrets(url))}, but it must be one of https (or of http on this machine): whoever answers it decides who is let in`,
      );
    }
    this.#url = new URL(url);
    this.#clock = clock;
    this.#warn = warn;
  }

  /**
   * The keys that may fit.
   * @param isKnown whether one of the keys is the one that is looked for: if none is, the keys may have been changed
   * @throws {TokenError} (as a rejection) `unavailable`
   */
  async find(isKnown: (keys: readonly VerifyKey[]) => boolean): Promise<readonly VerifyKey[]> {
    const now = this.#clock.now();
    const age = now - this.#gotAt;
    const isWanted = age > FRESH_MS || !isKnown(this.#keys);
    if (isWanted && (this.#asking !== undefined || now - this.#askedAt > COOLDOWN_MS)) {
      const asking = this.#ask();
      // Old keys do for the moment, if they fit.
      if (age > MAX_OUTAGE_MS || !isKnown(this.#keys)) await asking;
    }
    // While the issuer is away nobody knows whether it has a key that is not known here.
    const isOut = this.#isAway && !isKnown(this.#keys);
    if (!isOut && this.#clock.now() - this.#gotAt <= MAX_OUTAGE_MS) return this.#keys;
    throw new TokenError('unavailable', 'The keys of the issuer of the token cannot be got at present');
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#load().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** Gets the keys. Does not reject. */
  async #load(): Promise<void> {
    this.#askedAt = this.#clock.now();
    try {
      const response = await fetch(this.#url, {
        headers: { accept: 'application/jwk-set+json, application/json' },
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (!response.ok) throw new Error(`they were answered ${response.status}`);
      const { keys, refused } = readKeySet(json(await bounded(response)));
      this.#warnOf(refused);
      if (keys.length === 0) {
        // The issuer is not away: it has taken its keys back.
        this.#keys = [];
        this.#gotAt = -Infinity;
        throw new Error('there is no key for signatures');
      }
      this.#keys = keys;
      this.#gotAt = this.#clock.now();
      this.#isAway = false;
    } catch (error) {
      this.#isAway = true;
      this.#warn({ ...this.#about, reason: reasonOf(error) }, 'The keys of an issuer of tokens could not be got');
    }
  }

  #warnOf(refused: readonly KeyError[]): void {
    const [first] = refused;
    if (!first || this.#hasWarned) return;
    this.#hasWarned = true;
    const about = { ...this.#about, reason: `there is ${first.message}` };
    this.#warn(about, 'Keys of an issuer of tokens are left out, because they are not public');
  }

  get #about(): { readonly url: string } {
    return { url: withoutSecrets(this.#url.href) };
  }
}

/** What may be shown of a URL, also of one that is malformed: a query may have a secret, and so may what is before an @. */
function withoutSecrets(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/^.*@/s, '…@');
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not its message, which shows a part of the text.
    throw new Error('what is there is no JSON');
  }
}

/** In words: what happened to a request is often the cause of the error. */
function reasonOf(error: unknown): string {
  if (error instanceof KeyError) return `there is ${error.message}`;
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

function hasUser({ username, password }: URL): boolean {
  return username !== '' || password !== '';
}

function isSafe({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

async function bounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> | undefined = response.body ?? undefined;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error(`they have more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
