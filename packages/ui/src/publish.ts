import { publishUrl } from './address.ts';

/** What a person is about to publish. */
export interface Draft {
  readonly topic: string;
  readonly data: string;
  /** Empty for none, as is `id`. */
  readonly type: string;
  readonly id: string;
}

export type PublishAnswer =
  | { readonly ok: true; readonly id: string }
  /** `status` is undefined if the hub gave no answer. */
  | { readonly ok: false; readonly status: number | undefined; readonly detail: string };

/** How long the hub has for its answer, in milliseconds: a form that waits forever keeps its text from being sent again. */
const ANSWER_MS = 20_000;

/** The URL that publishes a draft (PROTOCOL §4.1). */
export function draftUrl(base: string, draft: Draft): string {
  const url = new URL(publishUrl(base, draft.topic));
  if (draft.type !== '') url.searchParams.set('type', draft.type);
  if (draft.id !== '') url.searchParams.set('id', draft.id);
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
  return { ok: false, status: response.status, detail: problemDetail(body, response.status) };
}

/** The name of one attempt to publish. `crypto.randomUUID` is missing from pages that did not come over HTTPS. */
export function newAttempt(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The `detail`, else the `title`, of problem+json (PROTOCOL §10). */
export function problemDetail(body: string, status: number): string {
  try {
    const problem: unknown = JSON.parse(body);
    if (typeof problem === 'object' && problem !== null) {
      const { detail, title } = problem as { detail?: unknown; title?: unknown };
      if (typeof detail === 'string' && detail !== '') return detail;
      if (typeof title === 'string' && title !== '') return title;
    }
  } catch {
    // A proxy's answer is seldom problem+json: the status has to do.
  }
  return `The hub answered ${status}`;
}
