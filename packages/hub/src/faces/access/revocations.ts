import { type Answer, checkParameters, parameter } from '@tidings/server/live';
import { parseTime, TIME_FORM } from '@tidings/server/units';
import { requireAdmin, requireSenderOf } from '../../access/require.ts';
import type { Access } from '../../access/access.ts';
import type { Revocation, Revocations } from '../../access/revocations.ts';
import { flag } from '../../http/flag.ts';
import { jsonAnswer, textAnswer } from '../../http/answer.ts';
import { JsonTextError, membersOf, twice, valueOf } from '../../http/json-text.ts';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';

const MAX_BYTES = 16 * 1024;

const NAMES = ['subject', 'jti', 'before'] as const;

/** Answers requests to `/revocations` (PROTOCOL §15). @throws {Problem} @throws {ServerError} */
export async function answerRevocations(
  context: FaceContext,
  { revocations, tokens }: Pick<Access, 'revocations' | 'tokens'>,
  exchange: Exchange,
): Promise<Answer> {
  const { request, rights } = exchange;
  requireAdmin(rights, 'revoke tokens');
  if (request.method === 'GET') {
    const list = (await revocations.list()).map(shown);
    return jsonAnswer(200, JSON.stringify({ revocations: list }));
  }
  context.requireOrigin(exchange, 'revoke tokens here');
  if (request.method === 'DELETE') return await restore(context, revocations, exchange);
  const body = context.bodies.open(request);
  try {
    const what = read(await body.whole(MAX_BYTES));
    requireSenderOf(tokens.issuers, what.subject);
    requirePast(what.before, context.clock.time(), tokens.toleranceMs);
    context.requireHolding(exchange);
    return jsonAnswer(201, JSON.stringify(shown(await context.writes.watch(revocations.revoke(what)))));
  } finally {
    body.close();
  }
}

/** Takes back what the query names: `subject`, `jti`, or `all` for what was revoked by time. @throws {Problem} @throws {ServerError} */
async function restore(context: FaceContext, revocations: Revocations, { url }: Exchange): Promise<Answer> {
  const { searchParams: query } = url;
  checkParameters(query, ['subject', 'jti', 'all']);
  const [subject, token] = [parameter(query, 'subject'), parameter(query, 'jti')];
  const named = [subject !== undefined, token !== undefined, flag(query, 'all')].filter(Boolean).length;
  if (named !== 1) {
    throw new Problem(
      'invalid-parameter',
      `The query names ${named} revocations to take back; allowed is one: subject, jti (the id of a token), or all for what was revoked by time`,
    );
  }
  const what = { ...(subject === undefined ? {} : { subject }), ...(token === undefined ? {} : { token }) };
  if (await context.writes.watch(revocations.restore(what))) return textAnswer(204, '');
  throw new Problem('not-found', 'Nothing of that is revoked: GET /revocations lists what is');
}

function shown({ subject, token, before, at }: Revocation): object {
  const time = before === undefined ? undefined : new Date(before).toISOString();
  // What is undefined is left out of the JSON.
  return { subject, jti: token, before: time, at: new Date(at).toISOString() };
}

/** Reads `{"subject"}`, `{"jti"}` or `{"before"}`, or a subject with a time. @throws {Problem} `invalid-parameter` */
function read(bytes: Uint8Array): Pick<Revocation, 'subject' | 'token' | 'before'> {
  const members = parse(bytes);
  const texts = NAMES.map((name) => textOf(name, members.get(name)));
  const [subject, token, before] = texts;
  const unknown = [...members.keys()].find((name) => !NAMES.some((known) => known === name));
  if (unknown !== undefined) throw invalid(`has no ${JSON.stringify(unknown)}; allowed are ${NAMES.join(', ')}`);
  if (token !== undefined && (subject ?? before) !== undefined)
    throw invalid('has a jti and something else; a token is revoked alone');
  if ((subject ?? token ?? before) === undefined) {
    throw invalid(
      'says nothing; it needs subject, jti (the id of a token), or before (all tokens that were issued up to a time)',
    );
  }
  const time = before === undefined ? undefined : parseTime(before);
  if (before !== undefined && time === undefined)
    throw invalid(`has ${JSON.stringify(before)} as before; allowed is ${TIME_FORM}`);
  return {
    ...(subject === undefined ? {} : { subject }),
    ...(token === undefined ? {} : { token }),
    ...(time === undefined ? {} : { before: time }),
  };
}

/** Refuses a time that has not come: nobody would be let in until then, who revokes included. @throws {Problem} `invalid-parameter` */
function requirePast(before: number | undefined, now: number, tolerance: number): void {
  if (before === undefined || before <= now + tolerance) return;
  const [asked, present] = [before, now].map((time) => new Date(time).toISOString());
  throw invalid(
    `has the time ${asked} as before, which has not come: on this hub it is ${present}. Tokens that are yet to be issued would not hold either; leave before out for now`,
  );
}

function textOf(name: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw invalid(`has a ${name} that is no text`);
}

function parse(bytes: Uint8Array): ReadonlyMap<string, unknown> {
  const members = new Map<string, unknown>();
  try {
    for (const [name, text] of membersOf(new TextDecoder('utf-8', { fatal: true }).decode(bytes))) {
      if (members.has(name)) throw twice(name);
      members.set(name, valueOf(text));
    }
    return members;
  } catch (error) {
    const why = error instanceof JsonTextError ? error.message : 'it is not valid UTF-8';
    throw invalid(`cannot be read: ${why}`, { cause: error });
  }
}

function invalid(found: string, options?: ErrorOptions): Problem {
  return new Problem('invalid-parameter', `The revocation ${found}`, options);
}
