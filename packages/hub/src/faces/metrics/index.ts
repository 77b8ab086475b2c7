import { checkParameters } from '@tidings/server/live';
import { requireAdmin } from '../../access/require.ts';
import { textAnswer } from '../../http/answer.ts';
import { preferred } from '../../http/preference.ts';
import type { MakeFace } from '../face.ts';
import { FORMS, write } from './exposition.ts';
import { Figures } from './figures.ts';

/**
 * Makes the face for Prometheus and what reads its format: `GET /metrics`, for those who may administer the hub (PROTOCOL §19). It tells numbers of the hub as a whole,
 * of all its processes together, and nothing of a topic.
 * @example
 * const hub = new Hub({ log, key, faces: [topics(), health(), access(), metrics()] });
 */
export function metrics(): MakeFace {
  return (context) => {
    const figures = new Figures(context);
    return {
      name: 'metrics',
      match: ({ pathname }) => (pathname === '/metrics' ? ['GET'] : undefined),
      async handle(exchange) {
        const { request, url, rights } = exchange;
        requireAdmin(rights, 'read the metrics of the hub');
        checkParameters(url.searchParams, []);
        const form = preferred(request, ['text/plain', 'application/openmetrics-text']);
        const text = write(await figures.all(), form);
        context.requireHolding(exchange);
        const answer = textAnswer(200, text);
        return { ...answer, headers: { ...answer.headers, 'Content-Type': FORMS[form], Vary: 'Accept' } };
      },
    };
  };
}
