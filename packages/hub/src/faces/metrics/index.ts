import { checkParameters } from '@tidings/server/live';
import { requireAdmin } from '../../access/require.ts';
import { textAnswer } from '../../http/answer.ts';
import { preferred } from '../../http/preference.ts';
import type { MakeFace } from '../face.ts';
import { FORMS, gauge, write } from './exposition.ts';
import { hubFamilies } from './families.ts';
import { ProcessWatch } from './process.ts';

/**
 * Makes the face for Prometheus and what reads its format: `GET /metrics`, for those who may administer the hub (PROTOCOL §19). It tells numbers of the hub as a whole,
 * and nothing of a topic.
 * @example
 * const hub = new Hub({ log, key, faces: [topics(), health(), access(), metrics()] });
 */
export function metrics(): MakeFace {
  return (context) => {
    const { clock, closing } = context;
    const process = new ProcessWatch(closing);
    const startedAt = clock.now();
    return {
      name: 'metrics',
      match: ({ pathname }) => (pathname === '/metrics' ? ['GET'] : undefined),
      handle({ request, url, rights }) {
        requireAdmin(rights, 'read the metrics of the hub');
        checkParameters(url.searchParams, []);
        const form = preferred(request, ['text/plain', 'application/openmetrics-text']);
        const upSeconds = (clock.now() - startedAt) / 1000;
        const up = gauge('tidings_uptime_seconds', 'How long the hub has been up', upSeconds);
        const answer = textAnswer(200, write([up, ...hubFamilies(context), ...process.families()], form));
        return { ...answer, headers: { ...answer.headers, 'Content-Type': FORMS[form], Vary: 'Accept' } };
      },
    };
  };
}
