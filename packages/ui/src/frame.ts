/** How long an update waits for a frame that does not come because the page is hidden, in milliseconds. */
const HIDDEN_MS = 1000;

/**
 * Runs `task` once before the next frame, however often it is called. A hidden page has no frames: there it runs once a
 * second, so that what was received is also shown in the page's title.
 */
export function oncePerFrame(task: () => void): { request(): void; cancel(): void } {
  let frame: number | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const cancel = (): void => {
    if (frame !== undefined) cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = undefined;
    timer = undefined;
  };
  const run = (): void => {
    cancel();
    task();
  };
  const request = (): void => {
    if (frame !== undefined) return;
    frame = requestAnimationFrame(run);
    timer = setTimeout(run, HIDDEN_MS);
  };
  return { request, cancel };
}
