/** The header fields of every event stream (PROTOCOL §5.1): no cache may keep it, no proxy may change or hold it. */
export const EVENT_STREAM_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
};
