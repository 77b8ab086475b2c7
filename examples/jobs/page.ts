import { element, Stage } from '../page/stage.ts';

const start = element('start', HTMLButtonElement);
const stop = element('stop', HTMLButtonElement);
const progress = element('progress', HTMLProgressElement);
const command = element('command', HTMLElement);
const state = element('run-state', HTMLElement);
const result = element('result', HTMLElement);
const stage = new Stage();

/** A job that was put into the queue. */
interface Job {
  readonly id: string;
  readonly listen: string;
}

/** The address of the page names the job, so that the page can be closed and opened. */
function jobOfPage(): Job | undefined {
  const fields = new URLSearchParams(location.hash.slice(1));
  const [id, listen] = [fields.get('id'), fields.get('listen')];
  return id === null || listen === null ? undefined : { id, listen };
}

/** Shows a job from its start, and follows it to its end. */
function follow({ id, listen }: Job): void {
  command.textContent = listen;
  state.textContent = 'streaming';
  start.disabled = true;
  stop.disabled = false;
  const source = stage.listen(`follow?id=${id}`, { types: ['progress', 'result', 'run-end'] });
  source.addEventListener('progress', ({ data }: MessageEvent<string>) => {
    progress.value = Number(data);
  });
  source.addEventListener('result', ({ data }: MessageEvent<string>) => {
    result.textContent = data;
  });
  source.addEventListener('run-end', ({ data }: MessageEvent<string>) => {
    stage.close(source);
    rest((JSON.parse(data) as { state: string }).state);
  });
  // Unknown: the server was started anew.
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) rest('unknown');
  });
}

/** Nothing is under way: another job can be started. */
function rest(why: string): void {
  state.textContent = why;
  start.disabled = false;
  stop.disabled = true;
}

/** Asks the server by a name below the page. */
async function ask(path: string): Promise<Response> {
  return await fetch(new URL(path, document.baseURI), { method: 'POST' });
}

start.addEventListener('click', () => {
  void (async () => {
    start.disabled = true;
    progress.value = 0;
    result.textContent = '–';
    const response = await ask('add').catch(() => undefined);
    if (!response?.ok) return rest(response ? await response.text() : 'the server is out of reach');
    const job = (await response.json()) as Job;
    location.hash = String(new URLSearchParams({ ...job }));
    follow(job);
  })();
});

stop.addEventListener('click', () => {
  const job = jobOfPage();
  if (job) void ask(`stop?id=${job.id}`);
});

const job = jobOfPage();
if (job) follow(job);
