// Numbers and tokens as people read them.

// Three digits or so: 123, 12.3, 1.23, 0.123.
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 99.95) return Math.round(value).toLocaleString("en");
  if (size >= 9.995) return value.toFixed(1);
  if (size >= 0.9995) return value.toFixed(2);
  return size >= 0.001 ? value.toFixed(3) : value.toExponential(1);
}

export function percent(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const hundred = 100 * value;
  return `${hundred >= 9.95 ? hundred.toFixed(0) : hundred.toPrecision(2)} %`;
}

export function count(n: number, one: string, many: string = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

// Code points that show as nothing, or that change the direction of what stands around them.
const kInvisible = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;

export function visible_controls(text: string): string {
  return text.replace(kInvisible, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// A token on one line in which nothing is invisible.
export function token_name(text: string): string {
  const shown = visible_controls(text.replace(/\r\n|\n/g, "↵").replace(/\t/g, "⇥").replace(/ /g, "␣"));
  return shown === "" ? "∅" : shown;
}

export function layers(first: number, last: number): string {
  return first === last ? `layer ${first}` : `layers ${first}–${last}`;
}

export function intervals(all: [number, number][]): string {
  if (all.length === 0) return "no layer";
  const parts = all.map(([a, b]) => (a === b ? `${a}` : `${a}–${b}`));
  const last = parts.pop();
  const word = all.length === 1 && all[0]?.[0] === all[0]?.[1] ? "layer" : "layers";
  return `${word} ${parts.length ? `${parts.join(", ")} and ` : ""}${last}`;
}
