import { element, Stage } from '../page/stage.ts';

const source = new Stage().listen('people', { types: ['name', 'age'] });

for (const type of ['name', 'age']) {
  const shown = element(type, HTMLElement);
  source.addEventListener(type, ({ data }: MessageEvent<string>) => {
    shown.textContent = data;
  });
}
