"""Opens one stored segment without the product: an independent reading of docs/formats.md.

    python open_segment.py --root ROOT.json --epochs DIRECTORY --database FILE --data DIRECTORY TRACK SEQUENCE

Needs PyPI `tink`, `cryptography` and `zstandard`. Walks the registry from the root (root > epoch > key page > shard >
key row > parent keys), opens the segment with Tink's own streaming AEAD, and unpacks it with the vocabulary it was
packed with, which lies in the repository (`--vocabulary` names another place). A segment that has settled is found by
the manifests of its track's parts alone: of the database only the registry is read then. Writes a JSON array of rrweb
events to standard output; errors go to standard error and end with status 1.
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
from dataclasses import dataclass
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
MANIFEST = 2
EVENTS = 2
EVENTS_ON_BASE = 3
PART_MARK = b"clerestory-part1"
TRAILER_BYTES = 16 + 8 + 16
PROOF_BYTES = 40 + 32 + 32
MOST_MANIFEST_BYTES = 16 * 1024 * 1024
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


def object_context(kind: int, registry: Registry, owner: "Owner", number: int) -> bytes:
    return (
        b"clst1"
        + bytes([kind])
        + registry.environment
        + owner.organisation
        + owner.recording
        + owner.track
        + number.to_bytes(8, "big")
    )


def open_object(registry: Registry, key_id: bytes, context: bytes, ciphertext: bytes) -> bytes:
    primitive = streaming(registry.key(key_id))
    with primitive.new_decrypting_stream(io.BytesIO(ciphertext), context) as plain:
        return plain.read()


@dataclass(frozen=True)
class Owner:
    """Whose a segment is."""

    organisation: bytes
    recording: bytes
    track: bytes


@dataclass(frozen=True)
class Place:
    """Where a segment lies, and what it is."""

    content_type: int
    path: str
    offset: int
    length: int
    sha256: bytes
    base: int | None = None


class Stored:
    """The segments of one track: those with rows of their own, and those in parts."""

    def __init__(self, registry: Registry, data: Path, track: bytes, vocabulary: bytes) -> None:
        if hashlib.sha256(vocabulary).hexdigest() != VOCABULARY_SHA256:
            raise ValueError("the vocabulary is not the one that segments are packed with")
        self.registry = registry
        self.objects = data / "objects"
        self.vocabulary = vocabulary
        recording, organisation, self.key_id = registry.database.execute(
            "select recording_id, organisation_id, key_id from tracks where track_id = ?", (track,)
        ).fetchone()
        self.owner = Owner(organisation, recording, track)

    def events(self, number: int) -> bytes:
        """The JSON array of a segment's events."""
        key_id, place = self.row(number) or self.in_parts(number)
        frame = self.open(key_id, place, number)
        if place.content_type == EVENTS:
            return unpack(frame, self.vocabulary)
        if place.content_type == EVENTS_ON_BASE and place.base is not None:
            return unpack(frame, self.vocabulary + self.events(place.base))
        raise ValueError(f"the segment has content type {place.content_type}, which this script does not read")

    def row(self, number: int) -> tuple[bytes, Place] | None:
        row = self.registry.database.execute(
            "select content_type, object, byte_offset, byte_length, sha256 from segments"
            " where track_id = ? and sequence = ?",
            (self.owner.track, number),
        ).fetchone()
        return (self.key_id, Place(*row)) if row else None

    def in_parts(self, number: int) -> tuple[bytes, Place]:
        owner = self.owner
        names = (f"org_{owner.organisation.hex()}", f"rec_{owner.recording.hex()}", f"trk_{owner.track.hex()}")
        folder = self.objects.joinpath("parts", *names)
        newest: dict[int, Path] = {}
        # Of two objects for one part the higher fence is newer; names are sorted.
        for path in sorted(folder.iterdir()):
            newest[int(path.name.split("-")[0])] = path
        for path in newest.values():
            key_id, places = self.manifest(path)
            if number in places:
                return key_id, places[number]
        raise ValueError(f"no part holds segment {number}")

    def manifest(self, path: Path) -> tuple[bytes, dict[int, Place]]:
        part, fence = (int(text) for text in path.name.split("-"))
        whole = path.read_bytes()
        trailer = whole[-TRAILER_BYTES:]
        if trailer[24:] != PART_MARK:
            raise ValueError(f"{path.name} does not end as parts do")
        key_id, length = trailer[:16], int.from_bytes(trailer[16:24], "big")
        sealed = whole[-TRAILER_BYTES - length : -TRAILER_BYTES]
        context = object_context(MANIFEST, self.registry, self.owner, part << 32 | fence)
        packed = open_object(self.registry, key_id, context, sealed)
        plain = zstandard.ZstdDecompressor().decompress(packed, max_output_size=MOST_MANIFEST_BYTES)
        head, rest = take(plain)
        facts, proofs = take(rest)
        name = path.relative_to(self.objects).as_posix()
        return key_id, dict(places(name, json.loads(head)["base"], facts, proofs))

    def open(self, key_id: bytes, place: Place, number: int) -> bytes:
        with (self.objects / place.path).open("rb") as stored:
            stored.seek(place.offset)
            ciphertext = stored.read(place.length)
        if hashlib.sha256(ciphertext).digest() != place.sha256:
            raise ValueError("the stored bytes do not have the hash that is told of them")
        context = object_context(SEGMENT, self.registry, self.owner, number)
        return open_object(self.registry, key_id, context, ciphertext)


def take(data: bytes) -> tuple[bytes, bytes]:
    """What a be32 length stands before, and what comes after it."""
    length = int.from_bytes(data[:4], "big")
    return data[4 : 4 + length], data[4 + length :]


class Numbers:
    """LEB128, the signed ones folded (0, -1, 1, -2, ...)."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self) -> int:
        folded = self.unsigned()
        return folded // 2 if folded % 2 == 0 else -(folded + 1) // 2

    def text(self) -> str:
        length = self.unsigned()
        self.at += length
        return self.data[self.at - length : self.at].decode()


def places(name: str, base: int | None, facts: bytes, proofs: bytes):
    """The segments of a part by their numbers."""
    numbers = Numbers(facts)
    sequence = end = 0
    for at in range(0, len(proofs), PROOF_BYTES):
        sequence += numbers.unsigned()
        numbers.signed()  # start
        numbers.unsigned()  # duration
        content_type = numbers.unsigned() // 2
        numbers.unsigned()  # policy version
        numbers.unsigned()  # bytes as sent
        numbers.signed()  # arrival
        offset = end + numbers.signed()
        length = numbers.unsigned()
        own = numbers.text()
        if not own:
            end = offset + length
        sha256 = proofs[at + 40 : at + 72]
        yield sequence, Place(content_type, own or name, offset, length, sha256, base)
    if numbers.at != len(facts):
        raise ValueError("the manifest tells of more segments than it has proofs of")


def unpack(frame: bytes, words: bytes) -> bytes:
    """The JSON array in a zstd frame made with these words, which are raw content: text to repeat from, no tables."""
    told = zstandard.frame_content_size(frame)
    if not 0 <= told <= MOST_EVENT_BYTES:
        raise ValueError(f"the frame tells a size of {told} bytes")
    dictionary = zstandard.ZstdCompressionDict(words, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
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
            stored = Stored(registry, asked.data, asked.track, asked.vocabulary.read_bytes())
            sys.stdout.buffer.write(stored.events(asked.sequence))


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, KeyError, IndexError, TypeError, tink.TinkError, zstandard.ZstdError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
