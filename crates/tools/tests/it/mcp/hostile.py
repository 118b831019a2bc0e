"""MCP servers that misbehave, one for each first argument. Only for tests.

They speak the older handshake over standard input and output, or (http_*) answer
POSTs on a free port of 127.0.0.1 that they print. Nothing else is touched.
"""

import http.server
import json
import os
import subprocess
import sys
import time

MODE = sys.argv[1]
REST = sys.argv[2:]
STATE = {"version": "1", "calls": 0}


def tool(name, description="does something", schema=None):
    return {"name": name, "description": description, "inputSchema": schema or {"type": "object"}}


def tools():
    if MODE == "schemas":
        deep = {"type": "object"}
        for _ in range(60):
            deep = {"type": "object", "properties": {"x": deep}}
        return [
            tool("good"),
            tool("nonsense", schema={"type": "object", "properties": {"x": {"type": "strin"}}}),
            tool("array", schema={"type": "array"}),
            tool("remote", schema={"type": "object", "$ref": "http://127.0.0.1:1/x"}),
            tool("long", "x" * 100_000),
            tool("deep", schema=deep),
            tool("good", "a second one of this name"),
            tool("Good!"),
            tool("../../etc/passwd\u001b[2J"),
            tool("n" * 500),
            tool(""),
        ]
    version = REST[0] if MODE == "versions" else STATE["version"]
    return [tool("act", f"acts, version {version}"), tool("other")]


def text(words, **more):
    return {"content": [{"type": "text", "text": words}], **more}


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def forever(words):
    while True:
        sys.stdout.write(words)


def call(request):
    """The result of a tool call, or None when there will be none."""
    STATE["calls"] += 1
    if MODE == "dies":
        print("these are the last words", file=sys.stderr, flush=True)
        os._exit(3)
    if MODE == "dies_once":
        if not os.path.exists(REST[0]):
            open(REST[0], "w").close()
            os._exit(3)
        return text("alive again")
    if MODE == "floods":
        note = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}
        forever(json.dumps(note) + "\n")
    if MODE == "asks":
        note = {"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {}}
        forever(json.dumps(note) + "\n")
    if MODE == "spurious":
        forever(json.dumps({"jsonrpc": "2.0", "id": 99_999, "result": {}}) + "\n")
    if MODE == "garbage_flood":
        forever("garbage {\n")
    if MODE == "huge":
        return text("x" * 100_000_000)
    if MODE == "endless":
        forever("x" * 65_536)
    if MODE == "long":
        return text("é" * 1_000_000)
    if MODE == "hangs":
        return None
    if MODE == "changes":
        STATE["version"] = "2"
        send({"method": "notifications/tools/list_changed"})
        return text("changed")
    if MODE == "wrong":
        return {"nonsense": [1, 2, 3]}
    if MODE == "refuses":
        return KeyError
    if MODE == "secret":
        print("my secret is", os.environ["CANARY"], file=sys.stderr, flush=True)
        return text("the secret is " + os.environ["CANARY"], isError=True)
    if MODE == "family":
        child = subprocess.Popen(["sleep", "1000"])
        return text(f"{os.getpid()} {child.pid}")
    if MODE == "meta":
        return text(json.dumps(request["params"].get("_meta")))
    return text(json.dumps(dict(os.environ)))


def modern(request):
    """Answers of the revision without a handshake, or KeyError."""
    meta = {"_meta": {"io.modelcontextprotocol/subscriptionId": request["id"]}}
    whole = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
    method = request["method"]
    if method == "server/discover":
        return {**whole, "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {"listChanged": True}}}
    if method == "subscriptions/listen":
        STATE["listener"] = meta
        accepted = {**meta, "notifications": request["params"]["notifications"]}
        send({"method": "notifications/subscriptions/acknowledged", "params": accepted})
        return None
    if method == "tools/list":
        return {**whole, "tools": tools()}
    if method == "tools/call":
        if request["params"]["name"] == "other":
            question = {"method": "elicitation/create", "params": {"message": "who?", "requestedSchema": {"type": "object", "properties": {}}}}
            return {"resultType": "input_required", "inputRequests": {"q": question}}
        STATE["version"] = "2"
        send({"method": "notifications/tools/list_changed", "params": STATE.get("listener", {})})
        return {**text(request["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"]), "resultType": "complete"}
    return KeyError


def answer(request):
    method = request.get("method")
    if MODE == "modern":
        return modern(request)
    if method == "initialize":
        version = request["params"]["protocolVersion"]
        info = {"name": "hostile", "version": "1"}
        return {"protocolVersion": version, "capabilities": {"tools": {"listChanged": True}}, "serverInfo": info}
    if method == "tools/list":
        page = {"tools": tools()}
        return {**page, "nextCursor": "again"} if MODE == "pages" else page
    if method == "tools/call":
        return call(request)
    return KeyError


def respond(request):
    if "id" not in request:
        if REST and MODE == "hangs" and request["method"] == "notifications/cancelled":
            open(REST[0], "w").close()
        return None
    result = answer(request)
    if result is None:
        return None
    if result is KeyError:
        return {"id": request["id"], "error": {"code": -32601, "message": "no\u001b[2J such\nthing " + "y" * 5_000}}
    return {"id": request["id"], "result": result}


def stdio():
    if MODE == "greets":
        print("Welcome!\n\n{\n[1, 2, 3]\nnull", flush=True)
    if MODE == "only_garbage":
        forever("\x00\xff not json\n")
    if MODE == "exits":
        sys.exit("cannot begin: no licence")
    if MODE == "deaf":
        time.sleep(1_000)
    for line in sys.stdin:
        request = json.loads(line)
        if MODE == "silent":
            continue
        if MODE == "fragile" and request.get("method") == "server/discover":
            os._exit(1)
        message = respond(request)
        if message is not None:
            send(message)


class Http(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.reply(405, b"")

    do_DELETE = do_GET

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        is_call = request.get("method") == "tools/call"
        if MODE == "http_denies":
            return self.reply(401, b"{}", ("www-authenticate", "Bearer"))
        if MODE == "http_leads" and is_call:
            return self.reply(307, b"", ("location", REST[0]))
        if MODE == "http_fails" and is_call:
            return self.reply(500, b"oh no " * 10_000)
        if MODE == "http_html" and is_call:
            return self.reply(200, b"<html>" * 10, ("content-type", "text/html"))
        if is_call and MODE in ("http_huge", "http_endless", "http_events"):
            return self.stream()
        if is_call and MODE == "http_headers":
            result = text(json.dumps(dict(self.headers.items())))
            message = {"id": request["id"], "result": result}
        else:
            message = respond(request)
        if message is None:
            return self.reply(202, b"")
        self.reply(200, json.dumps({"jsonrpc": "2.0", **message}).encode())

    def reply(self, status, body, *headers):
        self.send_response(status)
        for name, value in headers or [("content-type", "application/json")]:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self):
        kind = "application/json" if MODE == "http_huge" else "text/event-stream"
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("connection", "close")
        self.end_headers()
        note = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}
        event = b"data: " + json.dumps(note).encode() + b"\n\n"
        piece = event if MODE == "http_events" else b"x" * 65_536
        self.wfile.write(b'{"jsonrpc": "2.0", "x": "' if MODE == "http_huge" else b"data: ")
        try:
            for _ in range(1 << 30):
                self.wfile.write(piece)
        except OSError:
            pass

    def log_message(self, *_):
        pass


if MODE.startswith("http_"):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Http)
    server.daemon_threads = True
    print(f"port {server.server_address[1]}", file=sys.stderr, flush=True)
    server.serve_forever()
else:
    try:
        stdio()
    except BrokenPipeError:
        os._exit(0)
