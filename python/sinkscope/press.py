"""kvpress: presses that prune a cache of transformers, and keep the tokens that were measured.

It asks for kvpress (pip install kvpress), which is loaded when a press is made.
"""

import numpy

from ._errors import error


def keeping(press, mask):
    """A press of kvpress that prunes as `press` does, but never the tokens of a mask.

    press    one with scores (ScorerPress): KnormPress(0.5), SnapKVPress(0.5), ...; its compression_ratio counts
    mask     bool [n_tokens], of the text that is prefilled: scan.mask("sinks"), scan.mask("primary"), or both by |
    returns  a press: `with press(model): ...`; the kept tokens are part of what the ratio leaves
    throws   Error "usage" if the press has no scores, or the ratio leaves less than the mask asks for
    """
    import kvpress
    import torch

    if not isinstance(press, kvpress.ScorerPress):
        raise error("usage", f"expected a press with scores (a kvpress.ScorerPress), got a {type(press).__name__}")
    kept = torch.from_numpy(numpy.flatnonzero(mask))

    class KeepingPress(kvpress.ScorerPress):
        """Scores of another press, and the highest for the kept tokens."""

        def score(self, module, hidden_states, keys, values, attentions, kwargs):
            scores = press.score(module, hidden_states, keys, values, attentions, kwargs)
            n_tokens = keys.shape[2]
            places = kept[kept < n_tokens].to(scores.device)
            if len(places) > int(n_tokens * (1 - self.compression_ratio)):
                raise error("usage", f"a ratio of {self.compression_ratio} leaves "
                                     f"{int(n_tokens * (1 - self.compression_ratio))} of {n_tokens} tokens; expected room "
                                     f"for the {len(places)} that are kept")
            scores = scores.clone()
            scores[..., places] = torch.inf
            return scores

        def post_init_from_model(self, model):
            press.post_init_from_model(model)

    return KeepingPress(press.compression_ratio)
