"""Opens one stored segment without the product: an independent reading of docs/formats.md.

    python open_segment.py --root ROOT.json --epochs DIRECTORY --database FILE --data DIRECTORY TRACK SEQUENCE

Needs PyPI `tink`, `cryptography` and `zstandard`. Walks the registry from the root (root > epoch > key page > shard >
key row > parent keys), opens the segment with Tink's own streaming AEAD, and unpacks it with the vocabulary it was
packed with, which lies in the repository (`--vocabulary` names another place). Writes a JSON array of rrweb events to
standard output; errors go to standard error and end with status 1.
"""

import argparse
import hashlib
import io
import json
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import tink
import zstandard
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from tink import cleartext_keyset_handle, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

NIL = bytes(16)
PREFIX_BYTES = 2 + 16 + 12
SEGMENT = 1
EVENTS = 2
VOCABULARY = Path(__file__).resolve().parents[2] / "crates" / "vault" / "src" / "vocabulary-1.txt"
VOCABULARY_SHA256 = "56f1b4eda3db501564e3a0f8f02543c952aa39e1395f6d4ed9104e1a7451daab"
MOST_EVENT_BYTES = 32 * 1024 * 1024


def derive(key: bytes, label: str) -> bytes:
    """HKDF-SHA256 with an empty salt; a key of the registry never meets an algorithm itself."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=label.encode()).derive(key)


def value_context(environment: bytes, organisation: bytes, row: bytes, version: int, table: str, column: str) -> bytes:
    names = b"".join(bytes([len(name)]) + name.encode() for name in (table, column))
    return b"clsv1" + environment + organisation + row + version.to_bytes(8, "big") + names


def open_value(key: bytes, context: bytes, sealed: bytes) -> bytes:
    if sealed[:2] != b"\x01\x01":
        raise ValueError(f"a sealed value begins with {sealed[:2].hex()}, not 0101")
    nonce = sealed[18:PREFIX_BYTES]
    return AESGCMSIV(derive(key, "clerestory value 1")).decrypt(nonce, sealed[PREFIX_BYTES:], context)


class Registry:
    """The key registry of one database, read from its root down."""

    def __init__(self, root: Path, epochs: Path, database: sqlite3.Connection) -> None:
        stored = json.loads(root.read_text())
        if stored["format"] != "clerestory-root/1" or "plain" not in stored["key"]:
            raise ValueError("this script opens plain clerestory-root/1 files only")
        self.environment = bytes.fromhex(stored["environment"])
        self.root = bytes.fromhex(stored["key"]["plain"])
        self.epochs = epochs
        self.database = database

    def epoch(self, number: int) -> bytes:
        row = bytes(8) + number.to_bytes(8, "big")
        context = value_context(self.environment, NIL, row, 1, "epochs", "secret")
        return open_value(self.root, context, (self.epochs / f"{number}.epoch").read_bytes())

    def shard(self, shard: bytes, page: bytes) -> bytes:
        version, epoch, sealed = self.database.execute(
            "select version, epoch, sealed from key_pages where page_id = ?", (page,)
        ).fetchone()
        context = value_context(self.environment, NIL, page, version, "key_pages", "sealed")
        entries = open_value(self.epoch(epoch), context, sealed)
        for at in range(0, len(entries), 48):
            if entries[at : at + 16] == shard:
                return entries[at + 16 : at + 48]
        raise ValueError("the key page does not hold the shard's key")

    def key(self, key_id: bytes) -> bytes:
        organisation, shard, version, parent, sealed, page = self.database.execute(
            "select r.organisation, r.shard_id, r.shard_version, r.parent, r.sealed, s.page_id"
            " from key_rows r join key_shards s on s.shard_id = r.shard_id where r.key_id = ?",
            (key_id,),
        ).fetchone()
        context = value_context(self.environment, organisation, key_id, version, "key_rows", "sealed")
        inner = open_value(self.shard(shard, page), context, sealed)
        if parent is None:
            return inner
        context = value_context(self.environment, organisation, key_id, 1, "key_rows", "wrapped")
        return open_value(self.key(parent), context, inner)


def streaming(key: bytes) -> streaming_aead.StreamingAead:
    """Tink's primitive for AES256_GCM_HKDF with 64 KiB pieces under a raw key."""
    proto = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        version=0,
        params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=65_536, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256
        ),
        key_value=derive(key, "clerestory object 1"),
    )
    keyset = tink_pb2.Keyset(primary_key_id=1)
    entry = keyset.key.add()
    entry.key_data.type_url = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"
    entry.key_data.value = proto.SerializeToString()
    entry.key_data.key_material_type = tink_pb2.KeyData.SYMMETRIC
    entry.status = tink_pb2.ENABLED
    entry.key_id = 1
    entry.output_prefix_type = tink_pb2.RAW
    streaming_aead.register()
    handle = cleartext_keyset_handle.from_keyset(keyset)
    return handle.primitive(streaming_aead.StreamingAead)


def open_segment(registry: Registry, data: Path, track: bytes, sequence: int) -> bytes:
    recording, organisation, key_id = registry.database.execute(
        "select recording_id, organisation_id, key_id from tracks where track_id = ?", (track,)
    ).fetchone()
    content_type, place, offset, length, sha256 = registry.database.execute(
        "select content_type, object, byte_offset, byte_length, sha256 from segments"
        " where track_id = ? and sequence = ?",
        (track, sequence),
    ).fetchone()
    if content_type != EVENTS:
        raise ValueError(f"the segment has content type {content_type}; this script reads {EVENTS}")
    with (data / "objects" / place).open("rb") as stored:
        stored.seek(offset)
        ciphertext = stored.read(length)
    if hashlib.sha256(ciphertext).digest() != sha256:
        raise ValueError("the stored bytes do not have the hash that the row names")
    context = (
        b"clst1" + bytes([SEGMENT]) + registry.environment + organisation + recording + track + sequence.to_bytes(8, "big")
    )
    primitive = streaming(registry.key(key_id))
    with primitive.new_decrypting_stream(io.BytesIO(ciphertext), context) as plain:
        return plain.read()


def unpack(frame: bytes, vocabulary: bytes) -> bytes:
    """The JSON array in a zstd frame made with the vocabulary, which is raw content: text to repeat from, no tables."""
    if hashlib.sha256(vocabulary).hexdigest() != VOCABULARY_SHA256:
        raise ValueError("the vocabulary is not the one that segments are packed with")
    told = zstandard.frame_content_size(frame)
    if not 0 <= told <= MOST_EVENT_BYTES:
        raise ValueError(f"the frame tells a size of {told} bytes")
    dictionary = zstandard.ZstdCompressionDict(vocabulary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdDecompressor(dict_data=dictionary).decompress(frame, allow_extra_data=False)


def identifier(text: str) -> bytes:
    """The sixteen bytes of an id such as `trk_0198f3...`."""
    return bytes.fromhex(text.rpartition("_")[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("root", "epochs", "database", "data"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--vocabulary", type=Path, default=VOCABULARY)
    parser.add_argument("track", type=identifier)
    parser.add_argument("sequence", type=int)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # A copy, with its write-ahead log: the server may be running on the original.
        copy = Path(folder) / "copy.db"
        for suffix in ("", "-wal"):
            part = asked.database.with_name(asked.database.name + suffix)
            if part.exists():
                shutil.copyfile(part, copy.with_name(copy.name + suffix))
        with closing(sqlite3.connect(copy)) as database:
            registry = Registry(asked.root, asked.epochs, database)
            frame = open_segment(registry, asked.data, asked.track, asked.sequence)
    sys.stdout.buffer.write(unpack(frame, asked.vocabulary.read_bytes()))


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, KeyError, TypeError, tink.TinkError, zstandard.ZstdError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
