// oxlint-disable unicorn/prefer-add-event-listener -- the handler attributes are what this page shows
import { element, Stage } from '../page/stage.ts';

const start = element('start', HTMLButtonElement);
const stop = element('stop', HTMLButtonElement);
const box = element('box', HTMLDivElement);
const stage = new Stage();
let source: EventSource | undefined;

start.addEventListener('click', () => {
  source = stage.listen('currentTime');
  source.onopen = counter('onopen');
  source.onerror = counter('onerror');
  const countMessage = counter('onmessage');
  source.onmessage = ({ data }: MessageEvent<string>) => {
    countMessage();
    box.textContent = data;
  };
  start.disabled = true;
  stop.disabled = false;
});

stop.addEventListener('click', () => {
  if (source) stage.close(source);
  start.disabled = false;
  stop.disabled = true;
});

/** A handler that shows how often it has been called. */
function counter(name: string): () => void {
  const shown = element(name, HTMLElement);
  let calls = 0;
  return () => {
    calls += 1;
    shown.textContent = calls === 1 ? 'called once' : `called ${calls} times`;
  };
}
