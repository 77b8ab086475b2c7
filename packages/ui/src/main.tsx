import { render } from 'preact';
import { App } from './app.tsx';
import { restoreKey } from './hub-key.ts';
import { startPage } from './page.ts';

await restoreKey();
startPage();
render(<App />, document.body);
