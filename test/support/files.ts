// Model files made wrong on purpose.

export type Header = Record<string, unknown> & { __metadata__?: Record<string, string> };

/** A safetensors file: any header, JSON or text that is none, and any data. */
export function safetensorsFile(
  header: unknown,
  data: Uint8Array = new Uint8Array(0),
  claimed?: bigint,
): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const json = Buffer.from(text);
  const file = new Uint8Array(8 + json.length + data.length);
  new DataView(file.buffer).setBigUint64(0, claimed ?? BigInt(json.length), true);
  file.set(json, 8);
  file.set(data, 8 + json.length);
  return file;
}

/** The header and the data of a file. */
export function takeApart(file: Uint8Array): { header: Header; data: Uint8Array } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const end = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, end))) as Header;
  return { header, data: file.subarray(end) };
}

/** One node as it stands in a file. */
export interface FileNode {
  kind: unknown;
  name: unknown;
  inputs: unknown;
  options: Record<string, unknown>;
  [key: string]: unknown;
}

/** What a file says of a model, all of it open to be changed. */
export interface FileRecord {
  name: unknown;
  seed: unknown;
  description: { nodes: FileNode[]; outputs: unknown };
  outputs: { kind: unknown; names: unknown };
  compiled: Record<string, unknown> | null;
  [key: string]: unknown;
}

/** The same file with another description, or with another header altogether. */
export function doctored(
  file: Uint8Array,
  change: (record: FileRecord, header: Header) => void,
): Uint8Array {
  const { header, data } = takeApart(file);
  const metadata = header.__metadata__ as Record<string, string>;
  const record = JSON.parse(metadata['sluice.model'] as string) as FileRecord;
  change(record, header);
  metadata['sluice.model'] = JSON.stringify(record);
  return safetensorsFile(header, data);
}

/** The same file with one piece of text in place of another, once, for what JSON.stringify cannot write. */
export function respelled(file: Uint8Array, from: string, to: string): Uint8Array {
  const { header, data } = takeApart(file);
  const text = JSON.stringify(header);
  if (!text.includes(from)) throw new Error(`the header has no ${from}`);
  return safetensorsFile(
    text.replace(from, () => to),
    data,
  );
}

/** Puts a value at a path within a value. */
export function put(target: object, path: readonly string[], value: unknown): void {
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((at, key) => Reflect.get(at as object, key), target);
  Reflect.set(parent as object, path.at(-1) as string, value);
}
