/** What a name has before it in a record: its length. */
export const NAME_HEADER = 2;

const NONE = Buffer.alloc(0);

// The events of a batch mostly have one list of topics.
let last: { readonly names: readonly string[]; readonly bytes: Buffer } = { names: [], bytes: NONE };

/** Names as they are in a record, one after the other. Nobody may change these bytes. */
export function namesInRecord(names: readonly string[]): Buffer {
  if (last.names !== names) {
    const bytes = Buffer.allocUnsafeSlow(names.reduce((sum, name) => sum + NAME_HEADER + Buffer.byteLength(name), 0));
    let offset = 0;
    for (const name of names) offset = writeName(bytes, name, offset);
    last = { names, bytes };
  }
  return last.bytes;
}

/** Writes a name. Returns the place behind it. */
export function writeName(record: Buffer, name: string, offset: number): number {
  const size = record.write(name, offset + NAME_HEADER);
  record.writeUInt16BE(size, offset);
  return offset + NAME_HEADER + size;
}
