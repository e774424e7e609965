// The quantities that maps, heads and the text can be painted with.

import { number } from "../ui/format";
import { encode, type Scale } from "./blocks";

export interface Quantity {
  id: string;
  name: string;
  cosine: boolean;
  unit: string;
  floor: number; // colours begin here; what is smaller is of no interest
  says: string;
}

export const kQuantities: Quantity[] = [
  {
    id: "far_boost", name: "Far boost", cosine: false, unit: "×", floor: 0.5,
    says: "Which tokens draw more attention from far queries than their share?",
  },
  {
    id: "sink_score", name: "Sink score", cosine: false, unit: "", floor: 0.001,
    says: "How much attention does each token draw, as a mean over heads and queries?",
  },
  {
    id: "norm_ratio", name: "Norm ratio", cosine: false, unit: "×", floor: 0.5,
    says: "Which tokens outgrow the ordinary ones of their layer, and from which layer to which?",
  },
  {
    id: "alignment", name: "Alignment", cosine: true, unit: "", floor: 0,
    says: "Which tokens point the primary sink's way? (signed cosine)",
  },
  {
    id: "centred_alignment", name: "Centred alignment", cosine: true, unit: "", floor: 0,
    says: "The same with the mean ordinary token of the layer taken away.",
  },
  {
    id: "read_alignment", name: "Read alignment", cosine: true, unit: "", floor: 0,
    says: "The same as the next block's attention reads it: after its norm and gain.",
  },
  {
    id: "sink_score_head_max", name: "Score of the strongest head", cosine: false, unit: "", floor: 0.001,
    says: "Which tokens are a sink to one head at least?",
  },
  {
    id: "mlp_write_norm", name: "MLP write norm", cosine: false, unit: "", floor: 0,
    says: "Where does an MLP write an outstanding vector?",
  },
  {
    id: "mlp_write_alignment", name: "MLP write alignment", cosine: true, unit: "", floor: 0,
    says: "Into which tokens do MLPs write along the primary's state? (signed cosine)",
  },
  {
    id: "attn_write_norm", name: "Attention write norm", cosine: false, unit: "", floor: 0,
    says: "Where does attention write an outstanding vector?",
  },
  {
    id: "key_norm", name: "Key norm", cosine: false, unit: "", floor: 0,
    says: "How long are the keys?",
  },
  {
    id: "value_norm", name: "Value norm", cosine: false, unit: "", floor: 0,
    says: "Which tokens have almost no value to add, and so drain attention?",
  },
  {
    id: "sink_rate_03", name: "Heads with a score above 0.3", cosine: false, unit: "", floor: 0.001,
    says: "To what share of the heads is the token a sink?",
  },
  {
    id: "attention_share", name: "Share of all attention", cosine: false, unit: "", floor: 0.001,
    says: "What does the token take of all attention of the text?",
  },
  {
    id: "massive_ratio_1", name: "Largest channel", cosine: false, unit: "×", floor: 1,
    says: "How far does the largest channel of the state stand above ordinary ones?",
  },
  {
    id: "eviction_cost", name: "Eviction cost", cosine: false, unit: "", floor: 0,
    says: "How far would attention outputs move, were the token's key removed?",
  },
];

// The code at which the colours of a map begin. Cosines have both signs, so theirs are of the whole scale.
export function first_colour(quantity: Quantity, scale: Scale): number {
  return quantity.cosine ? 1 : first_code(quantity, scale);
}

// The code below which a value is of no interest, and nothing is painted.
export function first_code(quantity: Quantity, scale: Scale): number {
  return quantity.floor > scale.low ? Math.min(200, encode(scale, quantity.floor)) : 1;
}

// The scale of the numbers at hand, from the quantity's floor on, for what has no map.
export function scale_of(values: Iterable<number | undefined>, quantity: Quantity): Scale {
  if (quantity.cosine) return { logarithmic: false, low: -1, high: 1 };
  let low = Infinity, high = 1e-6;
  for (const value of values) {
    if (value === undefined || !(value > 0)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { logarithmic: true, low: Math.max(Math.min(low, high), high / 1e6, Math.min(quantity.floor, high)), high };
}

// A number of a quantity in words: far boost 12.3×.
export function reading(quantity: Quantity, value: number | undefined): string {
  const name = quantity.name.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
  return `${name} ${value === undefined ? "not measured" : number(value) + quantity.unit}`;
}
