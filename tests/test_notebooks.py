"""The notebooks of examples/, run whole in a kernel; and a kernel that is interrupted while segfeed works."""

import base64
import copy
import io
import os
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed

nbformat = pytest.importorskip("nbformat", reason="install nbclient")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
jupyter_client = pytest.importorskip("jupyter_client")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Jupyter warns of its own plans

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def _kernel_s_world(cache, monkeypatch):
    """Let kernels import this checkout, and use one thread: tests run beside each other."""
    monkeypatch.setenv("PYTHONPATH", str(Path(segfeed.__file__).parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")


def read(name: str):
    return nbformat.read(EXAMPLES / name, 4)


def run(notebook) -> list[dict]:
    """Run every cell; an error in one fails. Return the outputs of all, streams joined."""
    notebook = copy.deepcopy(notebook)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def pictures(outputs: list[dict]) -> list[np.ndarray]:
    found = [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one))).convert("RGB")) for one in found]


def printed(outputs: list[dict]) -> str:
    return "".join(output["text"] for output in outputs if output.get("name") == "stdout")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_are_kept_without_outputs(path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert [(cell.outputs, cell.execution_count) for cell in code] == [([], None)] * len(code)


@pytest.mark.usefixtures("_kernel_s_world")
def test_chapter_runs_on_the_drawn_sample():
    outputs = run(read("chapter.ipynb"))
    assert "read 102 examples\nread 27 examples\n" in printed(outputs)
    assert "(16, 320, 480, 3)\n(16, 320, 480)\n" in printed(outputs)
    shown = pictures(outputs)
    assert len(shown) == 3
    assert all(len(np.unique(picture.reshape(-1, 3), axis=0)) > 1000 for picture in shown)
    pages = [output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert [re.search("<b>(.*?)</b>", page)[1] for page in pages] == [
        "sample · train", "Legend sample", "sample · train", "Splits",
    ]  # fmt: skip
    assert max(map(len, pages)) < 200_000
    errors = "".join(output["text"] for output in outputs if output.get("name") == "stderr")
    assert "sample train: packing writes about" in errors
    assert "ipywidgets" not in errors


@pytest.mark.usefixtures("_kernel_s_world")
def test_chapter_runs_on_voc_if_it_was_fetched(cache, voc2012_part):
    (cache / "datasets" / "voc2012" / "VOCdevkit").mkdir(parents=True)
    shutil.copytree(voc2012_part, cache / "datasets" / "voc2012" / "VOCdevkit" / "VOC2012")
    notebook = read("chapter.ipynb")
    for cell in notebook.cells:
        cell.source = cell.source.replace(".root, 64 ", ".root, 16 ")  # the part has 80 pairs
    outputs = run(notebook)
    assert "] sheep\n" in printed(outputs), "of the first photo"
    assert "(16, 320, 480, 3)" in printed(outputs)
    assert len(pictures(outputs)) == 3


@pytest.mark.usefixtures("_kernel_s_world")
def test_the_fcn_trains_scores_and_predicts():
    pytest.importorskip("torch")
    notebook = read("fcn.ipynb")
    for cell in notebook.cells:
        cell.source = cell.source.replace("epochs = 24\n", "epochs = 1\n").replace("(160, 224)", "(64, 96)")
    outputs = run(notebook)
    assert "torch.Size([8, 3, 64, 96]) torch.float32 torch.Size([8, 64, 96]) torch.int64" in printed(outputs)
    (loss,) = re.findall(r"epoch 1 of 1, loss (\d\.\d+)", printed(outputs))
    assert float(loss) < np.log(9), "better than guessing"
    (score,) = (output["data"] for output in outputs if "Score(" in output.get("data", {}).get("text/plain", ""))
    assert re.fullmatch(r"Score\(9 classes, [\d,]+ pixels, mIoU \d+\.\d\d%\)", score["text/plain"])
    assert "<b>Score</b>" in score["text/html"]
    assert len(pictures(outputs)) == 2


# ---- a kernel that is interrupted


@pytest.fixture
def kernel(_kernel_s_world):
    manager, client = jupyter_client.manager.start_new_kernel(kernel_name="python3")
    yield Kernel(manager, client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


class Kernel:
    """A kernel in another process, spoken to as Jupyter does."""

    def __init__(self, manager, client) -> None:
        self.manager, self.client = manager, client

    def run(self, code: str, interrupt_at: str | None = None) -> tuple[str, str]:
        """Run a cell; interrupt it when it has printed a word. Return what it printed, and the error's name or ""."""
        self.client.execute(code)
        out, error, end = "", "", time.monotonic() + 100
        while time.monotonic() < end:
            message = self.client.get_iopub_msg(timeout=100)
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                out += content["text"]
                if interrupt_at and interrupt_at in out:
                    self.manager.interrupt_kernel()
                    interrupt_at = None
            elif kind == "error":
                error = content["ename"]
            elif kind == "status" and content["execution_state"] == "idle":
                return out, error
        raise AssertionError(out)


SETUP = """
import threading, time
import segfeed, segfeed.system.work

segfeed.system.work._AT_ONCE_S = 0  # a line is the sign that work has begun

def working():
    return sorted(t.name for t in threading.enumerate() if t.name.startswith("segfeed") and t.name != "segfeed-kernels")
"""

IN_AN_EPOCH = """
train, val = segfeed.load("sample", batch_size=8, crop_size=(160, 240), pack=PACK)
seen = []
while True:
    for batch in train:
        seen.append(batch.keys)
        if len(seen) == 3: print("started", flush=True)
"""

IN_A_FUNCTION = """
train, val = segfeed.load("sample", batch_size=8, crop_size=(160, 240), pack=PACK)
def run_epoch():
    epoch = iter(train)
    for batch in epoch:
        print("started", flush=True)
        time.sleep(1)
run_epoch()
"""


@pytest.mark.parametrize("cell", [IN_AN_EPOCH, IN_A_FUNCTION], ids=["in-the-cell", "in-a-function"])
def test_an_interrupted_epoch_leaves_a_kernel_and_a_loader_that_work(kernel, cell):
    assert kernel.run(SETUP) == ("", "")
    for pack in ("True", "False"):
        out, error = kernel.run(cell.replace("PACK", pack), "started")
        assert error == "KeyboardInterrupt", out
        out, error = kernel.run(
            "train.close(); state = train.state_dict(); batches = [b.images.sum() for b in train]\n"
            "print(len(batches) == len(train), working(), train.load_state_dict(state), train)"
        )
        assert error == ""
        assert out.startswith("True [] None Loader(sample train: 20 batches of 8 crops of 160 x 240 px")


def test_an_interrupted_pack_leaves_nothing_behind_and_is_made_anew(kernel, cache, write_voc, tmp_path):
    root = write_voc(tmp_path / "VOC2012", {"train": [(300, 400)] * 100})
    kernel.run(SETUP)
    out, error = kernel.run(f"source = segfeed.scan({str(root)!r}); pack = segfeed.make_pack(source)", "packing")
    assert error == "KeyboardInterrupt", out
    assert kernel.run("print(working())") == ("[]\n", "")
    out, error = kernel.run("print(len(segfeed.make_pack(source)))")
    assert error == ""
    assert "100\n" in out
    assert [name for name in os.listdir(cache / "packs") if name.startswith(".")] == []


def test_an_interrupted_audit_leaves_no_thread(kernel, write_voc, tmp_path):
    root = write_voc(tmp_path / "VOC2012", {"train": [(300, 400)] * 100})
    kernel.run(SETUP)
    out, error = kernel.run(f"segfeed.check({str(root)!r})", "checking")
    assert error == "KeyboardInterrupt", out
    assert kernel.run("print(working())") == ("[]\n", "")
