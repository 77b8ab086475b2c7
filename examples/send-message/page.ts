// oxlint-disable unicorn/prefer-add-event-listener -- the handler attributes are what this page shows
import { element, Stage } from '../page/stage.ts';

const message = element('message', HTMLElement);
const myEvent = element('my-event', HTMLElement);
const source = new Stage().listen('sendMessage', { types: ['myEvent'] });

source.onmessage = ({ data }: MessageEvent<string>) => {
  message.textContent = data;
};
source.addEventListener('myEvent', ({ data }: MessageEvent<string>) => {
  myEvent.textContent = data;
});
