"""SAELens: a dictionary trained on states without those of the sinks, by the mask of a scan."""

import numpy
import pytest

from conftest import TEXT

torch = pytest.importorskip("torch")
sae_lens = pytest.importorskip("sae_lens")

HOOK = "blocks.1.hook_resid_post"


def states(model, texts, hook, what="sinks"):
    """States of each text's tokens, without those that the mask names: the recipe of docs/python.md."""
    for text in texts:
        scan = model.scan(text)
        yield model.run_with_cache(scan.tokens, hook)[hook][~scan.mask(what)]


def batches(arrays, size):
    """Batches for ever, drawn with replacement."""
    rows = torch.from_numpy(numpy.concatenate(list(arrays)))
    generator = torch.Generator().manual_seed(1)
    while True:
        yield rows[torch.randint(len(rows), (size,), generator=generator)]


def test_a_dictionary_never_sees_the_sinks(converted):
    from sae_lens.training.sae_trainer import SAETrainer, SAETrainerConfig

    texts = [TEXT[:400], TEXT[300:700]]
    scans = converted.scan(texts)
    arrays = list(states(converted, texts, HOOK, "primary"))
    masked = [scan.mask("primary") for scan in scans]
    assert [len(array) for array in arrays] == [int((~mask).sum()) for mask in masked]
    everything = numpy.concatenate([converted.run_with_cache(scan.tokens, HOOK)[HOOK] for scan in scans])
    kept = numpy.concatenate(arrays)
    assert numpy.array_equal(everything[~numpy.concatenate(masked)], kept)

    torch.manual_seed(1)
    config = sae_lens.StandardTrainingSAEConfig(d_in=64, d_sae=96, l1_coefficient=0.01)
    sae = sae_lens.StandardTrainingSAE(config)
    seen = []

    def watched():
        for batch in batches(arrays, 64):
            seen.append(batch.numpy())
            yield batch

    with torch.no_grad():
        before = float(((sae.decode(sae.encode(torch.from_numpy(kept))) - torch.from_numpy(kept)) ** 2).mean())
    trainer = SAETrainer(cfg=SAETrainerConfig(total_training_samples=64 * 200, train_batch_size_samples=64, lr=3e-3, lr_end=3e-3), sae=sae,
                         data_provider=watched())
    trained = trainer.fit()
    with torch.no_grad():
        after = float(((trained.decode(trained.encode(torch.from_numpy(kept))) - torch.from_numpy(kept)) ** 2).mean())
    assert after < 0.7 * before, (before, after)
    rows = {row.tobytes() for batch in seen for row in batch}
    assert rows <= {row.tobytes() for row in kept}
