import {
  checkLease,
  checkTopic,
  checkTopicOptions,
  newToken,
  type HeldLease,
  type TopicLease,
  type TopicStates,
} from '@tidings/server/log';
import type { Command } from '../replica/command.ts';

export interface TopicsHost {
  /** The states of the replica. */
  readonly states: TopicStates;
  ask(command: Command): Promise<unknown>;
  /** Resolves when the replica has everything that was stored before the call. */
  current(): Promise<void>;
}

/** The states of topics: changes go through the stream, and questions are answered by the replica. */
export function natsTopics(host: TopicsHost): TopicStates {
  return {
    async status(topic, options) {
      checkTopic(topic);
      await host.current();
      return await host.states.status(topic, options);
    },
    async create(topic, options = {}, how = {}) {
      checkTopic(topic);
      const checked = checkTopicOptions(options);
      return (await host.ask({ op: 'create', topic, options: checked, how })) as { created: boolean };
    },
    async delete(topic) {
      checkTopic(topic);
      return (await host.ask({ op: 'delete', topic })) as { existed: boolean };
    },
    async lease(topic, ms, options = {}) {
      checkTopic(topic);
      const checked = checkLease(ms, options);
      return (await host.ask({ op: 'lease', topic, ms, options: checked, fresh: newToken() })) as TopicLease;
    },
    async leases(): Promise<readonly HeldLease[]> {
      await host.current();
      return await host.states.leases();
    },
    async release(topic, token) {
      checkTopic(topic);
      await host.ask({ op: 'release', topic, token });
    },
  };
}
