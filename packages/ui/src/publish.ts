import { publishUrl } from './address.ts';
import { readObject } from './read-object.ts';

/** What a person is about to publish. */
export interface Draft {
  readonly topic: string;
  readonly data: string;
  /** Empty for none, as are `id` and `key`. */
  readonly type: string;
  readonly id: string;
  /** What it is the latest value of. */
  readonly key: string;
}

export type PublishAnswer =
  | { readonly ok: true; readonly id: string }
  /** `status` is undefined if the hub gave no answer. */
  | ({ readonly ok: false; readonly status: number | undefined } & Refusal);

/** Why something was not done. */
export interface Refusal {
  readonly detail: string;
  /** Whether the rights of the sender are missing (PROTOCOL §9.5), which other problems with the status 403 do not say. */
  readonly isForbidden?: boolean;
}

/** How long the hub has for its answer, in milliseconds: a form that waits forever keeps its text from being sent again. */
const ANSWER_MS = 20_000;

/** The URL that publishes a draft (PROTOCOL §4.1). */
export function draftUrl(base: string, draft: Draft): string {
  const url = new URL(publishUrl(base, draft.topic));
  for (const name of ['type', 'id', 'key'] as const) if (draft[name] !== '') url.searchParams.set(name, draft[name]);
  return url.href;
}

/**
 * Publishes a draft. The same `attempt` for the same draft publishes it once, however often it is sent (PROTOCOL §4.6), so that
 * a person may send again after an answer was lost. Never throws.
 */
export async function publish(
  base: string,
  draft: Draft,
  attempt: string,
  headers: Record<string, string>,
): Promise<PublishAnswer> {
  let response: Response;
  let body: string;
  try {
    response = await fetch(draftUrl(base, draft), {
      method: 'POST',
      body: draft.data,
      headers: { ...headers, 'Content-Type': 'text/plain; charset=utf-8', 'Idempotency-Key': attempt },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    body = await response.text();
  } catch {
    const detail = 'The hub gave no answer. The text is kept: sending it again publishes it once';
    return { ok: false, status: undefined, detail };
  }
  if (response.ok) return { ok: true, id: body.trim() };
  return { ok: false, status: response.status, ...readRefusal(body, response.status) };
}

/** The name of one attempt to publish. `crypto.randomUUID` is missing from pages that did not come over HTTPS. */
export function newAttempt(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Why nothing can be published to a leased topic from here. */
export const LEASED = 'This topic is leased: only its producer can publish to it.';

/** Reads problem+json (PROTOCOL §10): the `detail`, else the `title`. Those of a lost lease tell programs what to do. */
export function readRefusal(body: string, status: number): Refusal {
  // A proxy's answer is seldom problem+json: the status has to do.
  const { type, detail, title } = readObject(body);
  if (String(type).endsWith('#lease-lost')) return { detail: LEASED };
  const said = [detail, title].find((text): text is string => typeof text === 'string' && text !== '');
  return { detail: said ?? `The hub answered ${status}`, isForbidden: String(type).endsWith('#forbidden') };
}
