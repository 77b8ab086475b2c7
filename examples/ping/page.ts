import { navigationProtocol } from '../page/protocol.ts';
import { element, Stage } from '../page/stage.ts';

const PATH = 'sse-demo';
const TYPES = ['ping', 'userconnect', 'usermessage', 'userdisconnect'];

const otherOrigin = element('other-origin', HTMLInputElement);
const credentials = element('credentials', HTMLInputElement);
const open = element('open', HTMLButtonElement);
const close = element('close', HTMLButtonElement);
const ten = element('ten', HTMLButtonElement);
const latest = element('ping', HTMLDivElement);
const moreOpen = element('more-open', HTMLElement);
const stage = new Stage();
let source: EventSource | undefined;
const more: EventSource[] = [];

element('protocol', HTMLElement).textContent = navigationProtocol();

function listen(): void {
  source = stage.listen(PATH, {
    types: TYPES,
    otherOrigin: otherOrigin.checked,
    withCredentials: credentials.checked,
  });
  source.addEventListener('ping', ({ data }: MessageEvent<string>) => {
    const { time } = JSON.parse(data) as { time: string };
    latest.textContent = `ping at ${time}`;
  });
  showListening(true);
}

function showListening(isListening: boolean): void {
  open.disabled = isListening;
  close.disabled = !isListening;
  for (const choice of [otherOrigin, credentials]) choice.disabled = isListening;
}

open.addEventListener('click', listen);
close.addEventListener('click', () => {
  if (source) stage.close(source);
  showListening(false);
});

/** How many of the further streams the browser has opened: over HTTP/1.1 they wait for each other. */
function countOpen(): void {
  moreOpen.textContent = String(more.filter(({ readyState }) => readyState === EventSource.OPEN).length);
}

ten.addEventListener('click', () => {
  ten.disabled = true;
  while (more.length < 10) {
    const another = stage.source(PATH);
    for (const type of ['open', 'error']) another.addEventListener(type, countOpen);
    more.push(another);
  }
  element('more', HTMLElement).textContent = String(more.length);
});

listen();
