"""Runs the library component under wasmtime, with the commands of jco.mjs."""

import base64
import hashlib
import json
import sys

from wasmtime import Engine, Store, WasiConfig, WasmtimeError
from wasmtime.component import Component, Linker, Record, RecordType, ListType, OptionType, Variant

engine = Engine()
component = Component.from_file(engine, sys.argv[1])
store = Store(engine)
store.set_wasi(WasiConfig())
store.set_wasi_http()
linker = Linker(engine)
linker.add_wasip2()
linker.add_wasi_http()
instance = linker.instantiate(store, component)
reader = instance.get_export_index(store, "kelp:stream/reader@0.1.0")


class Refused(Exception):
    """The error of the interface."""


def call(name, *args):
    func = instance.get_func(store, instance.get_export_index(store, name, reader))
    types = [ty for _, ty in func.type(store).params]
    result = func(store, *[value_of(ty, arg) for ty, arg in zip(types, args)])
    # wasmtime names the case of a result only if the types do not distinguish the cases.
    is_error = isinstance(result, Record) and hasattr(result, "code")
    if isinstance(result, Variant):
        is_error, result = result.tag == "err", result.payload
    if is_error:
        raise Refused(plain(result))
    return result


def value_of(ty, value):
    """A JSON value as a value of this type; missing fields are None."""
    if isinstance(ty, OptionType):
        return None if value is None else value_of(ty.payload, value)
    if isinstance(ty, RecordType):
        record = Record()
        for name, field in ty.fields:
            given = value.get(name)
            setattr(record, name, [] if given is None and isinstance(field, ListType) else value_of(field, given))
        return record
    if isinstance(value, dict) and "bytes" in value:
        return base64.b64decode(value["bytes"])
    if isinstance(value, dict) and "u64" in value:
        return int(value["u64"])
    if isinstance(ty, ListType):
        return [value_of(ty.element, each) for each in value]
    return tuple(value) if isinstance(value, list) else value


def plain(value):
    if isinstance(value, Record):
        return {camel(name): plain(each) for name, each in value.__dict__.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def camel(name):
    head, *rest = name.split("-")
    return head + "".join(part.capitalize() for part in rest)


files, bodies = {}, {}


def open_(file, by, args):
    name = "".join("-" + c.lower() if c.isupper() else c for c in by)
    files[file] = opened = call(name, *args)
    get = lambda method: call(f"[method]file.{method}", opened)
    return {"size": get("size"), "name": get("name"), "type": get("media-type"), "etag": get("etag"), "modified": get("last-modified")}


def body(file, body, range=None):
    bodies[body] = call("[method]file.read-range", files[file], range)
    return {}


def read(body, most=float("inf"), max=1 << 20):
    digest, length = hashlib.sha256(), 0
    try:
        while length < most:
            part = call("[method]body.read", bodies[body], max)
            if not part:
                return {"length": length, "sha256": digest.hexdigest(), "end": True}
            digest.update(part)
            length += len(part)
    except Refused as refused:
        return {"length": length, "sha256": digest.hexdigest(), "error": refused.args[0]}
    return {"length": length, "sha256": digest.hexdigest(), "end": False}


def drop(resources, name):
    resources.pop(name).drop(store)
    return {}


commands = {
    "open": open_,
    "plan": lambda file, range=None: plain(call("[method]file.plan", files[file], range)),
    "stats": lambda file: plain(call("[method]file.stats", files[file])),
    "body": body,
    "read": read,
    "dropBody": lambda body: drop(bodies, body),
    "dropFile": lambda file: drop(files, file),
}

for line in sys.stdin:
    about = json.loads(line)
    try:
        answer = commands[about.pop("command")](**about)
    except Refused as refused:
        answer = {"error": refused.args[0]}
    except WasmtimeError as error:
        answer = {"error": {"code": "trap", "message": str(error)}}
    print(json.dumps(answer), flush=True)
