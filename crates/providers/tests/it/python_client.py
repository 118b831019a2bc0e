"""Talks to the fake provider with the official client and says what it saw, as JSON.

Called by python_client.rs with the base URL. The first three replies of the fake are
an overload, a rate limit and a stream that is cut.
"""

import json
import sys

import anthropic

client = anthropic.Anthropic(base_url=sys.argv[1], api_key="test", max_retries=0, timeout=20)
model = "fake-model"
tools = [
    {
        "name": "write_file",
        "description": "Writes a file.",
        "input_schema": {
            "type": "object",
            "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
            "required": ["path", "content"],
        },
    }
]
task = [{"role": "user", "content": "Print a greeting\n\nWrite the result to `src/greet.py`."}]
told = {"errors": [], "output_tokens": 0}


def count(message):
    told["output_tokens"] += message.usage.output_tokens
    return message


def streamed(**arguments):
    with client.messages.stream(model=model, max_tokens=2000, **arguments) as stream:
        for _ in stream:
            pass
        return stream.get_final_message()


for _ in range(2):
    try:
        client.messages.create(model=model, max_tokens=10, messages=task)
    except anthropic.APIStatusError as error:
        told["errors"].append(type(error).__name__)
try:
    streamed(messages=task)
except Exception:  # the class of a broken connection differs between versions
    told["errors"].append("cut")

first = count(streamed(messages=task, tools=tools, system="Be brief."))
whole = count(client.messages.create(model=model, max_tokens=2000, messages=task, tools=tools, system="Be brief."))
told["streamed"] = [block.model_dump(exclude_none=True) for block in first.content]
told["whole"] = [block.model_dump(exclude_none=True) for block in whole.content]
told["stop_reason"] = first.stop_reason

results = [
    {"type": "tool_result", "tool_use_id": block.id, "content": "ok"}
    for block in first.content
    if block.type == "tool_use"
]
turn = [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
told["final_stop_reason"] = count(streamed(messages=task + turn, tools=tools)).stop_reason

schema = {"type": "object", "properties": {"tasks": {"type": "array"}}, "additionalProperties": False}
plan = count(
    client.messages.create(
        model=model,
        max_tokens=4000,
        messages=[{"role": "user", "content": "[R1] Print a greeting."}],
        extra_body={"output_config": {"format": {"type": "json_schema", "schema": schema}}},
    )
)
told["plan_tasks"] = len(json.loads(plan.content[0].text)["tasks"]) > 2
told["models"] = [entry.id for entry in client.models.list()]
print(json.dumps(told))
