/** Guards the memory against whatever answers in a hub's place, in bytes. Ids and problems are far shorter. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** The text of an answer, cut at a bound. */
export async function readAnswer(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  if (response.body === null) return text;
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) break;
  }
  return text;
}

/** What a hub said when it refused: the detail of its problem (PROTOCOL §10), otherwise the status. */
export async function readRefusal(response: Response): Promise<string> {
  const text = await readAnswer(response);
  const status = `the hub answered ${response.status} ${response.statusText}`.trimEnd();
  if (!/^application\/problem\+json\b/.test(response.headers.get('content-type') ?? '')) {
    const location = response.headers.get('location');
    return location === null ? `${status}, is it a Tidings hub?` : `${status}, it has moved to ${location}`;
  }
  try {
    const { detail, title } = JSON.parse(text) as { detail?: unknown; title?: unknown };
    if (typeof detail === 'string' && detail !== '') return detail;
    if (typeof title === 'string' && title !== '') return title;
  } catch {
    // Not the JSON that it says it is: the status tells as much as can be told.
  }
  return status;
}
