"""Checks the ledger of an audit log without the product: an independent reading of docs/formats.md and RFC 6962.

    python check_ledger.py vectors < LINES        proofs made by the product, one JSON object a line
    python check_ledger.py log DIRECTORY --key VERIFIER_KEY [--database FILE]

`vectors` needs nothing but Python. Each line has `leaves` (hex), `root`, and either `leaf` and `inclusion`, or `old`,
`old_root` and `consistency`; every hash is computed here by the recursive definitions of RFC 6962, section 2.1.

`log` reads a copy of the log (`clerestory verify ledger --save DIRECTORY`): checks the checkpoint's signature (PyPI
`cryptography`), computes the tree from the entry bundles, compares every tile with it, and with `--database` computes
every leaf from the rows of the entries.
"""

import argparse
import base64
import hashlib
import json
import shutil
import sqlite3
import struct
import sys
import tempfile
from contextlib import closing
from functools import lru_cache
from pathlib import Path


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


class Tree:
    """RFC 6962, section 2.1, as it is written there: D[n] is the list of leaves."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves
        self.hash_of = lru_cache(maxsize=None)(self.compute)

    def compute(self, start: int, end: int) -> bytes:
        if start == end:
            return sha256(b"")
        if end - start == 1:
            return sha256(b"\x00" + self.leaves[start])
        k = largest_power_below(end - start)
        return sha256(b"\x01" + self.hash_of(start, start + k) + self.hash_of(start + k, end))

    def path(self, m: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        k = largest_power_below(end - start)
        if m < k:
            return [*self.path(m, start, start + k), self.hash_of(start + k, end)]
        return [*self.path(m - k, start + k, end), self.hash_of(start, start + k)]

    def proof(self, m: int, end: int) -> list[bytes]:
        return self.subproof(m, 0, end, True) if 0 < m < end else []

    def subproof(self, m: int, start: int, end: int, known: bool) -> list[bytes]:
        if m == end - start:
            return [] if known else [self.hash_of(start, end)]
        k = largest_power_below(end - start)
        if m <= k:
            return [*self.subproof(m, start, start + k, known), self.hash_of(start + k, end)]
        return [*self.subproof(m - k, start + k, end, False), self.hash_of(start, start + k)]


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def expect(same: bool, what: str) -> None:
    if not same:
        raise ValueError(what)


def check_vectors(lines) -> int:
    checked = 0
    for number, line in enumerate(lines, 1):
        told = json.loads(line)
        leaves = [bytes.fromhex(leaf) for leaf in told["leaves"]]
        tree, size = Tree(leaves), len(leaves)
        expect(tree.hash_of(0, size).hex() == told["root"], f"line {number}: another root")
        if "inclusion" in told:
            path = [one.hex() for one in tree.path(told["leaf"], 0, size)]
            expect(path == told["inclusion"], f"line {number}: another inclusion proof")
        if "consistency" in told:
            proof = [one.hex() for one in tree.proof(told["old"], size)]
            expect(proof == told["consistency"], f"line {number}: another consistency proof")
            expect(tree.hash_of(0, told["old"]).hex() == told["old_root"], f"line {number}: another old root")
        checked += 1
    return checked


def read_checkpoint(text: str, key: str) -> tuple[int, bytes]:
    """Size and root of a checkpoint whose signature is that of the verifier key `name+id+base64(1 || public)`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    name, key_id, encoded = key.split("+", 2)
    public = base64.b64decode(encoded, validate=True)
    expect(public[0] == 1 and len(public) == 33, "the verifier key is not one of Ed25519")
    expect(sha256(name.encode() + b"\n" + public)[:4].hex() == key_id, "the verifier key has another id than it says")
    body, signatures = text.rsplit("\n\n", 1)
    body += "\n"
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if dash == "\u2014" and signer == name and signature[:4].hex() == key_id:
            Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature[4:], body.encode())
            break
    else:
        raise ValueError("the checkpoint has no signature of this key")
    origin, size, root = body.splitlines()[:3]
    expect(origin == name, "the checkpoint is of another log than its key")
    return int(size), base64.b64decode(root, validate=True)


def tile_path(number: int) -> str:
    text = f"{number % 1000:03}"
    while number >= 1000:
        number //= 1000
        text = f"x{number % 1000:03}/{text}"
    return text


def read_tile(directory: Path, level: str, number: int, width: int) -> bytes:
    partial = f".p/{width}" if width < 256 else ""
    return (directory / "tile" / level / (tile_path(number) + partial)).read_bytes()


def widths(count: int):
    """The tiles that hold `count` hashes: number and width."""
    for number in range(0, (count + 255) // 256):
        yield number, min(256, count - number * 256)


def read_leaves(directory: Path, size: int) -> list[bytes]:
    leaves = []
    for number, width in widths(size):
        bundle = read_tile(directory, "entries", number, width)
        at = 0
        for _ in range(width):
            (length,) = struct.unpack_from(">H", bundle, at)
            leaves.append(bundle[at + 2 : at + 2 + length])
            at += 2 + length
        expect(at == len(bundle), f"bundle {number} holds more than its entries")
    return leaves


def check_log(directory: Path, key: str) -> tuple[list[bytes], bytes]:
    size, root = read_checkpoint((directory / "checkpoint").read_text(), key)
    leaves = read_leaves(directory, size)
    tree = Tree(leaves)
    expect(tree.hash_of(0, size) == root, "the entries give another root than the checkpoint")
    for level in range(8):
        unit = 256**level
        for number, width in widths(size // unit):
            first = number * 256
            want = b"".join(tree.hash_of(i * unit, (i + 1) * unit) for i in range(first, first + width))
            got = read_tile(directory, str(level), number, width)
            expect(got == want, f"tile {number} of level {level} is not that of the entries")
    return leaves, root


def entry_hash(row: sqlite3.Row) -> bytes:
    def text(value) -> bytes:
        value = value.encode() if isinstance(value, str) else value or b""
        return struct.pack(">I", len(value)) + value

    def number(value: int) -> bytes:
        return struct.pack(">q", value)

    return sha256(
        b"clerestory audit entry 1"
        + row["organisation_id"]
        + number(row["number"])
        + number(row["at"])
        + text(row["action"])
        + number(row["class_uid"])
        + number(row["activity_id"])
        + number(row["outcome"])
        + text(row["rule"])
        + number(row["actor_kind"])
        + row["actor"]
        + text(row["object_kind"])
        + row["object"]
        + text(row["request_id"])
        + row["salt"]
        + text(row["personal"])
        + row["previous_hash"]
    )


def check_rows(database: Path, leaves: list[bytes]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        for suffix in ("", "-wal"):
            part = database.with_name(database.name + suffix)
            if part.exists():
                shutil.copyfile(part, copy.with_name(copy.name + suffix))
        with closing(sqlite3.connect(copy)) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute(
                "select l.leaf, e.* from ledger_leaves l join audit_entries e"
                " on e.organisation_id = l.organisation_id and e.number = l.number where l.leaf < ? order by l.leaf",
                (len(leaves),),
            )
            checked = 0
            for row in rows:
                leaf = sha256(b"clerestory audit leaf 1" + row["salt"] + entry_hash(row))
                expect(leaves[row["leaf"]] == leaf, f"leaf {row['leaf']} is not that of its entry")
                checked += 1
            expect(checked == len(leaves), f"{len(leaves) - checked} leaves have no entry")
            return checked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ways = parser.add_subparsers(dest="way", required=True)
    ways.add_parser("vectors")
    log = ways.add_parser("log")
    log.add_argument("directory", type=Path)
    log.add_argument("--key", required=True)
    log.add_argument("--database", type=Path)
    asked = parser.parse_args()
    if asked.way == "vectors":
        print(f"{check_vectors(sys.stdin)} vectors agree")
        return
    leaves, root = check_log(asked.directory, asked.key)
    if asked.database:
        check_rows(asked.database, leaves)
    print(json.dumps({"leaves": len(leaves), "root": root.hex()}))


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # noqa: BLE001 whatever is wrong is told in one line and ends with status 1
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
