import { element, Stage } from '../page/stage.ts';

const stream = element('stream', HTMLSelectElement);
const otherOrigin = element('other-origin', HTMLInputElement);
const credentials = element('credentials', HTMLInputElement);
const start = element('start', HTMLButtonElement);
const stop = element('stop', HTMLButtonElement);
const stage = new Stage();
let source: EventSource | undefined;

start.addEventListener('click', () => {
  const listening = stage.listen(stream.value, {
    types: ['bye', 'join', 'leave'],
    otherOrigin: otherOrigin.checked,
    withCredentials: credentials.checked,
  });
  // An error leaves a source closed where the answer was no event stream; otherwise it tries again.
  listening.addEventListener('error', () => {
    if (listening.readyState === EventSource.CLOSED) showListening(false);
  });
  source = listening;
  showListening(true);
});

stop.addEventListener('click', () => {
  if (source) stage.close(source);
  showListening(false);
});

function showListening(isListening: boolean): void {
  start.disabled = isListening;
  stop.disabled = !isListening;
  for (const choice of [stream, otherOrigin, credentials]) choice.disabled = isListening;
}
