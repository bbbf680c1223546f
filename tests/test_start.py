"""The command line's first step: Ctrl-C is one line from the first moment on."""

import signal
import subprocess
import sys
import time

import pytest

from installed import interruptible


@pytest.mark.parametrize("delay_s", [0.1, 0.2, 0.4])
@pytest.mark.slow
def test_interrupt_while_segfeed_loads_is_one_line_and_exit_code_130(delay_s):
    # The child says when its own first line runs; before that, Python itself is starting.
    code = """
import sys
from segfeed_start import main
print("on", flush=True)
sys.argv[0] = "segfeed"
main()
"""
    # 600 seconds: the signal must end it.
    command = interruptible(sys.executable, "-c", code, "bench", "sample", "--seconds", 600)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        time.sleep(delay_s)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "segfeed: interrupted; nothing half-made is taken for whole\n")
