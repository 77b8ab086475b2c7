import type { Report } from './recording.ts';

/** The format as the standard's algorithm says it, over the whole stream at once, without any thought for speed. */
export function reference(bytes: Uint8Array, initialLastEventId = ''): { reports: Report[]; lastEventId: string } {
  const reports: Report[] = [];
  let lastEventId = initialLastEventId;
  let dataBuffer = '';
  let typeBuffer = '';
  let idBuffer: string | undefined;

  // The ABNF: stream = [ bom ] *event, and lines end in CRLF, LF or CR. What follows the last line end is not a line.
  const text = new TextDecoder('utf-8').decode(bytes);
  const lines = text.split(/\r\n|\n|\r/).slice(0, -1);

  for (const line of lines) {
    if (line === '') {
      dispatch();
    } else if (line.startsWith(':')) {
      reports.push({ comment: line.slice(1).replace(/^ /, '') });
    } else {
      const [, field = '', value = ''] = /^([^:]*):? ?([^]*)$/.exec(line) ?? [];
      processField(field, line.includes(':') ? value : '');
    }
  }
  return { reports, lastEventId };

  function processField(field: string, value: string): void {
    if (field === 'event') typeBuffer = value;
    if (field === 'data') dataBuffer += `${value}\n`;
    if (field === 'id' && !value.includes('\0')) idBuffer = value;
    if (field === 'retry' && /^[0-9]+$/.test(value)) reports.push({ retry: Number.parseInt(value, 10) });
  }

  function dispatch(): void {
    if (idBuffer !== undefined) {
      lastEventId = idBuffer;
      reports.push({ id: idBuffer });
    }
    if (dataBuffer !== '') {
      reports.push({ event: { type: typeBuffer || 'message', data: dataBuffer.slice(0, -1), lastEventId } });
    }
    dataBuffer = '';
    typeBuffer = '';
    idBuffer = undefined;
  }
}
