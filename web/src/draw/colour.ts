// Colour ramps of the heat maps: light to dark on paper, dark to light on a dark page, both of even lightness steps
// and apart for all colour-blind readers. Small values fade into the page.

type Rgb = [number, number, number];

const kSequentialLight: Rgb[] = [
  [247, 246, 242], [222, 229, 226], [180, 209, 213], [127, 184, 201], [75, 153, 189], [41, 118, 172],
  [36, 82, 147], [38, 49, 108], [29, 20, 62],
];
const kSequentialDark: Rgb[] = [
  [24, 28, 34], [32, 41, 66], [44, 55, 108], [56, 81, 142], [52, 117, 157], [55, 152, 157],
  [94, 186, 138], [170, 215, 111], [253, 240, 147],
];
// Orange through the page's own ground to blue.
const kDivergingLight: Rgb[] = [
  [138, 66, 0], [196, 111, 30], [230, 168, 104], [245, 221, 195], [247, 246, 242], [200, 222, 236],
  [124, 175, 213], [50, 116, 170], [13, 58, 108],
];
const kDivergingDark: Rgb[] = [
  [255, 190, 110], [214, 134, 54], [150, 88, 34], [80, 54, 36], [24, 28, 34], [28, 58, 86],
  [40, 100, 150], [84, 155, 212], [176, 219, 250],
];

export function is_dark(): boolean {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

// 256 colours as RGBA words for codes 0 to 255; code 0, not measured, is clear. They begin at code `first`: smaller
// ones look like it.
export function ramp(cosine: boolean, first = 1): Uint32Array {
  const stops = cosine ? (is_dark() ? kDivergingDark : kDivergingLight) : is_dark() ? kSequentialDark : kSequentialLight;
  const words = new Uint32Array(256);
  const bytes = new Uint8ClampedArray(words.buffer);
  for (let code = 1; code < 256; ++code) {
    const at = (Math.max(0, code - first) / Math.max(1, 255 - first)) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    for (let c = 0; c < 3; ++c) {
      const a = stops[low]?.[c] ?? 0, b = stops[low + 1]?.[c] ?? 0;
      bytes[4 * code + c] = Math.round(a + (at - low) * (b - a));
    }
    bytes[4 * code + 3] = 255;
  }
  return words;
}

export function css_colour(words: Uint32Array, code: number): string {
  const word = words[code] ?? 0;
  return `rgb(${word & 255} ${(word >> 8) & 255} ${(word >> 16) & 255})`;
}
