import { render } from 'preact';
import { App } from './app.tsx';
import { startPage } from './page.ts';

startPage();
render(<App />, document.body);
