import { element, Stage } from '../page/stage.ts';

const clock = element('cur_time', HTMLDivElement);
const source = new Stage().listen('event', { types: ['cur_time'] });

source.addEventListener('cur_time', ({ data }: MessageEvent<string>) => {
  const { time } = JSON.parse(data) as { time: number };
  clock.textContent = String(new Date(time));
});
