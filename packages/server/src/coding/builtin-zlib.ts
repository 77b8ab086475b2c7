/** Node's `node:zlib`. */
export type Zlib = NonNullable<ReturnType<typeof process.getBuiltinModule<'node:zlib'>>>;

/**
 * Node's zlib if the runtime has it, as Node, Bun and Deno do. It is asked for and not imported, so that this package loads
 * if there is none.
 */
export function builtinZlib(): Zlib | undefined {
  return globalThis.process?.getBuiltinModule?.('node:zlib');
}
