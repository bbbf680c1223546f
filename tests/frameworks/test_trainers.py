"""Trainers that are too heavy for most runs: `make trainers` installs them."""

import numpy as np
import pytest

import segfeed
from torchvision_here import declare_torchvision

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
declare_torchvision()

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


class Net(torch.nn.Module):
    """The least that `Trainer` trains."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 21, 1)

    def forward(self, pixel_values, labels):
        return {"loss": torch.nn.functional.cross_entropy(self.layer(pixel_values), labels)}


def test_crops_that_a_callback_tells_the_epoch_are_the_same_after_resuming_within_one(voc_folder, tmp_path):
    """`Trainer` itself leaves the dataset in epoch 0 in the epoch that it resumes."""
    from segfeed.frameworks.torch import TorchCrops  # noqa: PLC0415 - after importorskip

    train, _ = segfeed.load(voc_folder, 2, (16, 16), threads=0, pack=False)
    seen = []

    def run(checkpoint=None):
        crops = TorchCrops(train)

        class TellEpoch(transformers.TrainerCallback):
            def on_epoch_begin(self, _args, state, _control, **_):
                crops.set_epoch(int(state.epoch))

        def collate(pairs):
            images, labels = map(torch.stack, zip(*pairs, strict=True))
            seen.append(images.sum().item())
            return {"pixel_values": images, "labels": labels}

        options = {"remove_unused_columns": False, "report_to": "none", "use_cpu": True, "disable_tqdm": True}
        arguments = transformers.TrainingArguments(
            str(tmp_path), num_train_epochs=3, per_device_train_batch_size=2, save_steps=1, **options
        )
        trainer = transformers.Trainer(Net(), arguments, collate, train_dataset=crops, callbacks=[TellEpoch()])
        trainer.train(resume_from_checkpoint=checkpoint)
        return np.array(seen).reshape(-1, 1), seen.clear()

    whole, _ = run()
    steps = len(whole) // 3
    assert steps > 1
    assert len(np.unique(whole)) > steps  # each epoch cuts others
    rest, _ = run(str(tmp_path / f"checkpoint-{steps + 1}"))
    assert np.array_equal(rest, whole[steps + 1 :])
