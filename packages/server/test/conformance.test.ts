import { frameworkAdapters } from './conformance-frameworks.ts';
import { nodeAdapters } from './conformance-node.ts';
import { processAdapters } from './conformance-process.ts';
import { routeAdapter } from './conformance-route.ts';
import { shutsDown } from './conformance-shutdown.ts';
import { conforms } from './conformance.ts';

for (const adapter of [...nodeAdapters, ...frameworkAdapters, routeAdapter, ...processAdapters]) conforms(adapter);

shutsDown();
