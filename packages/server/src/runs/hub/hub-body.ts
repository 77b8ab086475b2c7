/**
 * The bytes of a body, until the signal aborts: then the body is cancelled here, because in Node.js 20 and 22 a collection may take what leads from the signal of a request
 * to its body, and the body would be waited for without end.
 */
export async function* bytesOf(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body.getReader();
  const leave = (): void => {
    reader.cancel().catch(() => {});
  };
  signal.addEventListener('abort', leave, { once: true });
  try {
    while (!signal.aborted) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener('abort', leave);
    leave();
  }
}

/** The text of a body. Rejects with the reason of the signal when that aborts. */
export async function textOf({ body }: Response, signal: AbortSignal): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  if (body) for await (const bytes of bytesOf(body, signal)) text += decoder.decode(bytes, { stream: true });
  signal.throwIfAborted();
  return text + decoder.decode();
}
