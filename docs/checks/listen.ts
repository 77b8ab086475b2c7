// A process that does nothing but listen: `node listen.ts CLIENT URL`, where CLIENT is a column's title.
import { CLIENTS } from './clients.ts';

const [title, url = ''] = process.argv.slice(2);
CLIENTS.find((client) => client.title === title)?.listen(url, () => {});
