// The words that figures and tables use, and what they mean: said once, shown where they stand and on Methods.

import { h } from "./dom";

export const kWords: [string, string][] = [
  ["layer l", "The output of transformer block l, from 0. Block l + 1 reads it, so attention to a state of layer l is measured in block l + 1."],
  ["primary", "Of eight candidates, as a rule the first tokens after padding, the one with the largest mean norm ratio, if its direction is born and it draws far attention. Usually the first token."],
  ["score", "The mean attention that a token receives from the queries that can see it, averaged over heads."],
  ["far boost", "Attention from queries at least 64 tokens later, over what uniform attention would give. Measured where there are 64 such queries. Near queries are left out because local attention makes late tokens look like sinks."],
  ["far z", "How many spreads the logarithm of a far boost lies above the median of the ordinary tokens beside it, up to 64 of them. Far boost grows with the text and towards its end, far z does not: the first says how much, the second whether it is more than usual."],
  ["norm ratio", "The norm of a token's state over the median of ordinary tokens in the same text and layer."],
  ["alignment", "The signed cosine between a token's state and the primary's, at the same layer. Centred: with the layer's mean ordinary token taken from both. Read: after the next block's attention norm and gain."],
  ["birth layer", "Where the primary's direction settles: from there on its state points the same way."],
  ["sink", "Two layers or more in a row with high alignment and norm ratio while the primary is active, and far boost and far z in the blocks that read them."],
  ["primary-like, secondary", "A sink that begins with the primary's birth or before it; one that begins later."],
  ["unaligned", "A token that draws far attention in two blocks in a row without pointing the primary's way."],
  ["state life, attention life", "Layers for which the state holds; blocks in a row that go on attending to it. A + marks a state that ends with the primary or the network: it might have lasted longer."],
  ["drains, broadcasts", "A sink whose values are at most half as long as an ordinary token's takes attention and gives little back; others broadcast."],
  ["logit gap", "How far a token's attention logit lies below the primary's in the first block that reads it, averaged over heads, in nats. Negative: the primary draws more."],
  ["eligible tokens", "Tokens that could be judged: behind the primary, with at least 64 queries at least 64 positions later. Rates are sinks at these positions, per 1000 of them."],
  ["level", "A cluster of sinks by first and last layer over all texts that is found again in resamples of them."],
];

// Names that stand in tables, and the words whose meaning is theirs.
const kOfTables: Record<string, string> = {
  layers: "sink", "state life": "state life, attention life", "attn. life": "state life, attention life", "attention life": "state life, attention life",
  judged: "eligible tokens", "per 1000": "eligible tokens", "value norm": "drains, broadcasts",
};

function meaning_of(name: string): string | undefined {
  const word = kOfTables[name] ?? name;
  return kWords.find(([one]) => one === word)?.[1];
}

// A name with its meaning as a tooltip, for a mouse and for a screen reader; the plain name, where none is known.
export function term(name: string): HTMLElement | string {
  const meaning = meaning_of(name);
  return meaning === undefined ? name : h("abbr", { title: meaning }, name);
}
