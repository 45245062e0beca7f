"""Talks to a running `dms serve` as OpenAI's users do, with their own client.

Usage: test-openai-client.py BASE_URL API_KEY MODEL
The model is one that knows the recall task and has the special tokens of ChatML; Scripts/test-server.sh makes it.
"""
import concurrent.futures
import json
import math
import sys
import time

import openai
from openai import OpenAI

BASE, KEY, MODEL = sys.argv[1:4]
client = OpenAI(base_url=BASE + "/v1", api_key=KEY, max_retries=0, timeout=120)
PROMPT = "The password is pillow. The password is"
GREEDY = dict(model=MODEL, temperature=0)


def completion(**fields):
    return client.completions.create(**{**GREEDY, "prompt": PROMPT, "max_tokens": 8, **fields})


def chat(**fields):
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": PROMPT}]
    return client.chat.completions.create(**{**GREEDY, "messages": messages, "max_tokens": 8, **fields})


def refused(kind, call):
    try:
        call()
    except kind as error:
        assert error.body and error.body["message"], error
        return error
    raise AssertionError(f"not refused with {kind.__name__}")


def test_models():
    models = client.models.list().data
    assert [model.id for model in models] == [MODEL]
    assert client.models.retrieve(MODEL).id == MODEL
    error = refused(openai.NotFoundError, lambda: client.models.retrieve("other"))
    assert error.code == "model_not_found"


def test_completion():
    answer = completion(max_tokens=1)
    assert answer.object == "text_completion" and answer.model == MODEL
    assert answer.choices[0].text == " pillow", answer.choices[0].text
    assert answer.choices[0].finish_reason == "length"
    usage = answer.usage
    assert usage.completion_tokens == 1 and usage.total_tokens == usage.prompt_tokens + 1


def test_completion_stream():
    whole = completion(max_tokens=20).choices[0].text
    chunks = list(completion(max_tokens=20, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].text for c in chunks if c.choices) == whole
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens <= 20
    assert all(c.usage is None for c in chunks[:-1])
    assert all(c.usage is None for c in completion(stream=True))


def test_prompts_and_echo():
    answer = completion(prompt=["The password is", [0, 261, 262]], echo=True, max_tokens=2)
    assert [c.index for c in answer.choices] == [0, 1]
    assert answer.choices[0].text.startswith("The password is")


def test_n_and_seed():
    fields = dict(temperature=1.5, max_tokens=12, extra_body={"ignore_eos": True})
    one = completion(n=3, seed=7, **fields)
    assert len(one.choices) == 3 and len({c.text for c in one.choices}) == 3
    assert [c.text for c in completion(n=3, seed=7, **fields).choices] == [c.text for c in one.choices]
    assert completion(seed=8, **fields).choices[0].text == one.choices[1].text
    streamed = ["", "", ""]
    for chunk in completion(n=3, seed=7, stream=True, **fields):
        streamed[chunk.choices[0].index] += chunk.choices[0].text
    assert streamed == [c.text for c in one.choices]


def test_stop():
    answer = completion(stop=[" nothing", "."], max_tokens=40)
    assert answer.choices[0].text == " pillow" and answer.choices[0].finish_reason == "stop"
    text = "".join(c.choices[0].text for c in completion(stop=".", max_tokens=40, stream=True))
    assert text == " pillow"


def test_logprobs():
    logprobs = completion(logprobs=5, max_tokens=4).choices[0].logprobs
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.top_logprobs) <= 4
    assert logprobs.tokens[0] == " pillow" and logprobs.text_offset[0] == 0
    for token, value, top in zip(logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs):
        assert value <= 0 and math.isclose(top[token], max(top.values()))
    content = chat(logprobs=True, top_logprobs=3, max_tokens=4).choices[0].logprobs.content
    assert all(len(entry.top_logprobs) == 3 for entry in content)
    assert all(bytes(entry.bytes).decode(errors="replace") == entry.token for entry in content)


def test_echo_with_logprobs():
    answer = completion(echo=True, logprobs=3, max_tokens=2)
    logprobs, text = answer.choices[0].logprobs, answer.choices[0].text
    count = answer.usage.prompt_tokens
    assert text.startswith(PROMPT)
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.top_logprobs) == count + 2
    assert logprobs.token_logprobs[0] is None and logprobs.top_logprobs[0] is None
    assert all(value <= 0 for value in logprobs.token_logprobs[1:])
    for token, offset in list(zip(logprobs.tokens, logprobs.text_offset))[1:]:
        assert text[offset:].startswith(token), (token, offset)
    # The same tokens as a prompt, one by one: each as likely as it was said to be.
    tokens = client.with_options(base_url=BASE).post(
        "/tokenize", body={"content": PROMPT, "add_special": True}, cast_to=object)["tokens"]
    assert len(tokens) == count
    for end in (2, count // 2, count - 1):
        one = completion(prompt=tokens[:end], logprobs=0, max_tokens=1, logit_bias={str(tokens[end]): 100})
        assert abs(one.choices[0].logprobs.token_logprobs[0] - logprobs.token_logprobs[end]) < 0.05
    chunks = list(completion(echo=True, logprobs=3, max_tokens=2, stream=True))
    streamed = [t for c in chunks if c.choices[0].logprobs for t in c.choices[0].logprobs.tokens]
    assert streamed == logprobs.tokens
    assert "".join(c.choices[0].text for c in chunks) == text


def test_cached_tokens():
    prompt = "The password of Ada is pillow. " * 30
    usages = [completion(prompt=prompt, max_tokens=1).usage for _ in range(2)]
    assert usages[0].prompt_tokens_details.cached_tokens == 0
    assert 0 < usages[1].prompt_tokens_details.cached_tokens < usages[1].prompt_tokens
    messages = [{"role": "user", "content": prompt}]
    usages = [client.chat.completions.create(messages=messages, max_tokens=1, **GREEDY).usage for _ in range(2)]
    assert usages[1].prompt_tokens_details.cached_tokens > 0
    last = list(completion(prompt=prompt, max_tokens=1, stream=True, stream_options={"include_usage": True}))[-1]
    assert last.usage.prompt_tokens_details.cached_tokens > 0


SCHEMA = {
    "type": "object",
    "properties": {
        "password": {"type": "string", "maxLength": 8},
        "colour": {"enum": ["red", "green"]},
        "sure": {"type": "boolean"},
        "list": {"type": "array", "items": {"$ref": "#/$defs/item"}, "minItems": 1, "maxItems": 2},
    },
    "required": ["password", "colour", "sure", "list"],
    "additionalProperties": False,
    "$defs": {"item": {"anyOf": [{"type": "null"}, {"const": 7}]}},
}


def require_by_schema(text):
    value = json.loads(text)
    assert list(value) == SCHEMA["required"], value
    assert isinstance(value["password"], str) and len(value["password"]) <= 8
    assert value["colour"] in ("red", "green") and value["sure"] in (True, False)
    assert 1 <= len(value["list"]) <= 2 and all(item in (None, 7) for item in value["list"])


def test_json_schema():
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    answer = chat(response_format=form, max_tokens=400)
    assert answer.choices[0].finish_reason == "stop"
    require_by_schema(answer.choices[0].message.content)
    chunks = chat(response_format=form, max_tokens=400, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == answer.choices[0].message.content
    drawn = chat(response_format=form, max_tokens=400, temperature=1.5, n=4, seed=3)
    for choice in drawn.choices:
        require_by_schema(choice.message.content)
    extra = {"response_format": form}
    require_by_schema(completion(max_tokens=400, extra_body=extra).choices[0].text)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(lambda: completion(max_tokens=400, extra_body=extra).choices[0].text) for _ in range(16)]
        assert len({call.result() for call in calls}) == 1


def test_parsing_into_a_model():
    import pydantic

    class Answer(pydantic.BaseModel):
        sure: bool
        count: None | bool

    parsed = client.chat.completions.parse(
        messages=[{"role": "user", "content": PROMPT}], response_format=Answer, max_tokens=200, **GREEDY)
    assert isinstance(parsed.choices[0].message.parsed, Answer)


def test_json_object():
    for seed in range(4):
        answer = chat(response_format={"type": "json_object"}, max_tokens=120, temperature=1, seed=seed)
        text = answer.choices[0].message.content
        assert text.startswith("{")
        if answer.choices[0].finish_reason == "stop":
            assert isinstance(json.loads(text), dict)


def test_response_format_errors():
    def schema(schema):
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}

    bad = openai.BadRequestError
    wrong = {"type": "object", "properties": {"a": {"type": "string", "pattern": "x"}}}
    error = refused(bad, lambda: chat(response_format=schema(wrong)))
    assert error.param == "response_format.json_schema.schema" and "/properties/a" in error.body["message"]
    many = {"anyOf": [{"type": "string", "maxLength": 4096}] * 900}
    assert refused(bad, lambda: chat(response_format=schema(many))).code == "invalid_json_schema"
    error = refused(bad, lambda: chat(response_format={"type": "json_object"}, extra_body={"ignore_eos": True}))
    assert error.param == "ignore_eos"
    assert refused(bad, lambda: chat(response_format={"type": "xml"})).param == "response_format.type"


def test_sampling_options():
    extra = {"top_k": 5, "min_p": 0.05, "repetition_penalty": 1.1}
    fields = dict(temperature=0.9, top_p=0.9, presence_penalty=0.5, frequency_penalty=0.5, user="someone")
    first, second = (completion(seed=1, extra_body=extra, **fields).choices[0].text for _ in range(2))
    assert first == second


def test_logit_bias():
    answer = completion(logit_bias={"46": 100}, max_tokens=3, logprobs=0)
    assert len(set(answer.choices[0].logprobs.tokens)) == 1


def test_chat():
    answer = chat()
    assert answer.object == "chat.completion" and answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content is not None
    again = client.chat.completions.create(
        messages=[{"role": "user", "content": [{"type": "text", "text": "one"}]},
                  answer.choices[0].message.model_dump(), {"role": "user", "content": "two"}],
        max_completion_tokens=4, **GREEDY)
    assert again.usage.prompt_tokens > answer.usage.completion_tokens


def test_chat_stream():
    whole = chat(max_tokens=16).choices[0].message.content
    chunks = list(chat(max_tokens=16, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole
    assert chunks[-1].usage.prompt_tokens > 0


def test_errors():
    bad = openai.BadRequestError
    assert refused(bad, lambda: completion(temperature=3)).param == "temperature"
    assert refused(bad, lambda: completion(n=1000)).param == "n"
    assert refused(bad, lambda: completion(max_tokens=0)).param == "max_tokens"
    assert refused(bad, lambda: completion(prompt="")).code == "empty_prompt"
    assert refused(bad, lambda: completion(prompt="x " * 4000)).code == "context_length_exceeded"
    assert refused(bad, lambda: completion(extra_body={"nonsense": 1})).param == "nonsense"
    assert refused(bad, lambda: chat(tools=[{"type": "function", "function": {"name": "f"}}])).param == "tools"
    assert refused(bad, lambda: chat(stream=True, temperature=-1)).param == "temperature"
    assert refused(openai.NotFoundError, lambda: completion(model="gpt-9")).code == "model_not_found"
    stranger = OpenAI(base_url=BASE + "/v1", api_key="wrong", max_retries=0)
    assert refused(openai.AuthenticationError, stranger.models.list).code == "invalid_api_key"
    assert refused(openai.NotFoundError, lambda: client.embeddings.create(model=MODEL, input="x"))


def test_leaving_a_stream():
    stream = completion(max_tokens=900, stream=True, extra_body={"ignore_eos": True})
    next(iter(stream))
    stream.close()
    limit = time.time() + 30
    while metric("dms_generations_running") > 0:
        assert time.time() < limit, "the request of a client that left still runs"
        time.sleep(0.05)


def test_many_at_once():
    alone = completion(max_tokens=60, extra_body={"ignore_eos": True}).choices[0].text
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        calls = [pool.submit(lambda: completion(max_tokens=60, extra_body={"ignore_eos": True})) for _ in range(32)]
        assert {call.result().choices[0].text for call in calls} == {alone}


def metric(name):
    text = client.with_options(base_url=BASE).get("/metrics", cast_to=str)
    values = [line.split(" ")[1] for line in text.splitlines() if line.startswith(name + " ")]
    assert len(values) == 1, name
    return float(values[0])


def test_metrics():
    assert metric("dms_generated_tokens_total") > 0
    assert metric("dms_kv_live_bytes") <= metric("dms_kv_allocated_bytes") <= metric("dms_kv_budget_bytes")
    assert metric("dms_kv_evictions_total") > 0
    assert metric("dms_time_to_first_token_seconds_count") > 0


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    for name, test in tests:
        start = time.time()
        test()
        print(f"{name}: {time.time() - start:.2f} s")
    print(f"{len(tests)} tests passed with openai {openai.__version__}")


main()
