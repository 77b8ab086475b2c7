import type { Scenario } from './scenario.ts';
import { formatScenarios } from './scenarios-format.ts';
import { interfaceScenarios } from './scenarios-interface.ts';
import { lifecycleScenarios } from './scenarios-lifecycle.ts';
import { originScenarios } from './scenarios-origin.ts';
import { redirectScenarios } from './scenarios-redirect.ts';
import { requestScenarios } from './scenarios-request.ts';
import { responseScenarios } from './scenarios-response.ts';
import { retryScenarios } from './scenarios-retry.ts';

/**
 * Every rule of the client's side, 29 to 45, and those of the format that a whole source shows, as what a server does, what a client
 * does, and what is then seen.
 */
export const scenarios: readonly Scenario[] = [
  ...requestScenarios,
  ...originScenarios,
  ...responseScenarios,
  ...formatScenarios,
  ...redirectScenarios,
  ...lifecycleScenarios,
  ...retryScenarios,
  ...interfaceScenarios,
];
