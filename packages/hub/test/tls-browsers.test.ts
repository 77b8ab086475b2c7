import { health, page, topics } from '@tidings/hub';
import { expect, onTestFinished, test } from 'vitest';
import { BROWSERS, isMissing, startBrowser } from '../../../test/browser.ts';
import { SecureHub } from './secure-hub.ts';

const STREAMS = 100;

/** It opens the streams. `done` gives what each has heard, when all have heard something. */
const PAGE = `<!doctype html><title>Streams</title><script>
  const heard = [];
  let open = 0;
  let all;
  const done = new Promise((resolve) => { all = resolve; });
  for (let n = 0; n < ${STREAMS}; n += 1) {
    const source = new EventSource('/topics/topic-' + n);
    source.onopen = () => { open += 1; };
    source.onmessage = ({ data }) => {
      heard[n] = data;
      if (Object.keys(heard).length === ${STREAMS}) all(heard);
    };
  }
</script>`;

// Here the browser is told to trust any certificate.
const OPTIONS = {
  chromium: { args: ['--ignore-certificate-errors'] },
  firefox: { acceptInsecureCerts: true },
};

for (const name of BROWSERS) {
  test.skipIf(isMissing(name))(
    `a hundred streams of a page in ${name} are on one connection, and each gets its event`,
    async () => {
      const hub = await SecureHub.start({}, { faces: [topics(), health(), page(PAGE)] });
      let connections = 0;
      hub.server.on('connection', () => (connections += 1));
      const browser = await startBrowser(name, OPTIONS[name]);
      onTestFinished(() => browser.close());
      const tab = await browser.newPage();
      await tab.goto(`${hub.url}/`);
      await expect.poll(() => tab.evaluate('open') as Promise<number>, { timeout: 20_000 }).toBe(STREAMS);
      expect(hub.hub.stats().listeners).toBe(STREAMS);
      for (let n = 0; n < STREAMS; n += 1) await hub.publish(`topic-${n}`, `event ${n}`);
      const heard = (await tab.evaluate('done')) as string[];
      expect(heard).toEqual(Array.from({ length: STREAMS }, (_, n) => `event ${n}`));
      const sockets = await new Promise<number>(
        (resolve) => void hub.server.getConnections((_error, count) => resolve(count)),
      );
      // A browser may open one more in advance, which it does not use.
      expect(sockets).toBeLessThanOrEqual(2);
      console.log(`${name}: ${STREAMS} streams, ${sockets} of ${connections} connections open`);
    },
  );
}
