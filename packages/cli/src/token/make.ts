import { randomUUID } from 'node:crypto';
import { checkGrant, type TokenGrant, type TokenMatcher } from '@tidings/hub';
import { SignJWT } from 'jose';
import { noticePattern } from '../command-line/topic-names.ts';
import { CliError } from '../errors.ts';
import { notice, print, visible } from '../terminal/output.ts';
import { describeGrant } from './describe.ts';
import type { SigningKey } from './keys.ts';

const PATTERN_HINT = 'With --publish-pattern, --listen-pattern or --presence-pattern it is a pattern';

export interface TokenToMake extends SigningKey {
  readonly publish?: readonly string[];
  readonly publishPattern?: readonly string[];
  readonly listen?: readonly string[];
  readonly listenPattern?: readonly string[];
  readonly presence?: readonly string[];
  readonly presencePattern?: readonly string[];
  readonly admin?: true;
  readonly subject?: string;
  readonly id?: string;
  /** How long it is good for, in milliseconds. */
  readonly expires: number;
  readonly issuer?: string;
  readonly audience: readonly string[];
}

/** Prints a token, and says on standard error what it allows. @throws {CliError} `ERR_USAGE` */
export async function makeToken(options: TokenToMake): Promise<void> {
  const { key, algorithm, subject, issuer, audience, id = randomUUID(), admin, expires } = options;
  const publish = matchersOf(options.publish, options.publishPattern);
  const listen = matchersOf(options.listen, options.listenPattern);
  const presence = matchersOf(options.presence, options.presencePattern);
  const grant: TokenGrant = {
    ...(publish.length === 0 ? {} : { publish }),
    ...(listen.length === 0 ? {} : { listen }),
    ...(presence.length === 0 ? {} : { presence }),
    ...(admin === undefined ? {} : { admin }),
  };
  if (Object.keys(grant).length === 0) {
    throw new CliError('ERR_USAGE', 'the token would allow nothing: use --publish, --listen or --admin');
  }
  try {
    checkGrant(grant);
  } catch (error) {
    throw new CliError(
      'ERR_USAGE',
      `a hub would refuse it: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  for (const topic of [...(options.publish ?? []), ...(options.listen ?? []), ...(options.presence ?? [])])
    if (topic !== '*') noticePattern(topic, PATTERN_HINT);
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    tidings: grant,
    ...(subject === undefined ? {} : { sub: subject }),
    ...(issuer === undefined ? {} : { iss: issuer }),
  };
  const token = await new SignJWT({ ...claims, aud: [...audience] })
    .setProtectedHeader({ alg: algorithm, typ: 'at+jwt' })
    .setIssuedAt(now)
    .setExpirationTime(now + Math.ceil(expires / 1000))
    .setJti(id)
    .sign(key);
  await print(`${token}\n`);
  const until = new Date((now + Math.ceil(expires / 1000)) * 1000).toISOString();
  notice(
    `It lets ${subject === undefined ? 'its sender' : visible(subject)} ${describeGrant(grant)} until ${until}. Its id is ${visible(id)}`,
  );
}

function matchersOf(topics: readonly string[] = [], patterns: readonly string[] = []): TokenMatcher[] {
  return [...topics, ...patterns.map((pattern) => ({ pattern }))];
}
