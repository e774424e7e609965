// Reading the blocks of data that the program packed into the page; docs/report.md describes them.

export interface Scale {
  logarithmic: boolean;
  low: number;
  high: number;
}

interface ArrayEntry {
  type: "f32" | "u32" | "u8";
  offset: number;
  shape: number[];
  scale?: Scale;
}

export class Block<Head> {
  constructor(
    readonly head: Head,
    private readonly arrays: Record<string, ArrayEntry>,
    private readonly data: ArrayBuffer,
  ) {}

  names(): string[] {
    return Object.keys(this.arrays);
  }

  // Numbers [shape], or nothing where the block has no such array.
  floats(name: string): Float32Array | undefined {
    const entry = this.arrays[name];
    return entry?.type === "f32" ? new Float32Array(this.data, entry.offset, length(entry)) : undefined;
  }

  integers(name: string): Uint32Array | undefined {
    const entry = this.arrays[name];
    return entry?.type === "u32" ? new Uint32Array(this.data, entry.offset, length(entry)) : undefined;
  }

  codes(name: string): { codes: Uint8Array; scale: Scale } | undefined {
    const entry = this.arrays[name];
    if (entry?.type !== "u8" || !entry.scale) return undefined;
    return { codes: new Uint8Array(this.data, entry.offset, length(entry)), scale: entry.scale };
  }
}

function length(entry: ArrayEntry): number {
  return entry.shape.reduce((product, n) => product * n, 1);
}

const kSteps = 254;

// What an 8-bit code stands for; nothing where it was not measured.
export function decode(scale: Scale, code: number): number | undefined {
  if (code === 0) return undefined;
  const part = (code - 1) / kSteps;
  return scale.logarithmic ? scale.low * (scale.high / scale.low) ** part : scale.low + part * (scale.high - scale.low);
}

// The code of a number; not 0.
export function encode(scale: Scale, value: number): number {
  if (scale.high <= scale.low) return 1;
  const part = scale.logarithmic
    ? Math.log(value / scale.low) / Math.log(scale.high / scale.low)
    : (value - scale.low) / (scale.high - scale.low);
  return 1 + Math.round(Math.min(1, Math.max(0, part)) * kSteps);
}

// How far a decoded number may be off: in words for people.
export function error_in_words(scale: Scale): string {
  if (!scale.logarithmic) return `±${((scale.high - scale.low) / (2 * kSteps)).toPrecision(2)}`;
  return `±${(100 * ((scale.high / scale.low) ** (1 / (2 * kSteps)) - 1)).toPrecision(2)} %`;
}

export async function read_block<Head>(id: string): Promise<Block<Head>> {
  const text = document.getElementById(id)?.textContent;
  if (!text) throw new Error(`the page has no block "${id}"; write the report again`);
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = await new Response(stream).arrayBuffer();
  const json_length = new DataView(bytes).getUint32(0, true);
  const json = new TextDecoder().decode(new Uint8Array(bytes, 4, json_length));
  const { head, arrays } = JSON.parse(json) as { head: Head; arrays: Record<string, ArrayEntry> };
  return new Block(head, arrays, bytes.slice(Math.ceil((4 + json_length) / 4) * 4));
}
