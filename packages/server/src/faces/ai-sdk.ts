export {
  createResumableStreamContext,
  type ResumableStreamContext,
  type ResumableStreamContextOptions,
} from './resumable-stream-context.ts';
export {
  answerUIMessages,
  respondUIMessages,
  startUIMessages,
  storedUIMessageChunks,
  type UIMessageChunkLike,
  type UIMessageOptions,
  type UIMessageProducer,
} from './ui-messages.ts';
