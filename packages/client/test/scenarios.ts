import type { Scenario } from './scenario.ts';
import { interfaceScenarios } from './scenarios-interface.ts';
import { lifecycleScenarios } from './scenarios-lifecycle.ts';
import { redirectScenarios } from './scenarios-redirect.ts';
import { requestScenarios } from './scenarios-request.ts';
import { responseScenarios } from './scenarios-response.ts';

/** Every rule of the client's side, 29 to 45, as what a server does, what a client does, and what is then seen. */
export const scenarios: readonly Scenario[] = [
  ...requestScenarios,
  ...responseScenarios,
  ...redirectScenarios,
  ...lifecycleScenarios,
  ...interfaceScenarios,
];
