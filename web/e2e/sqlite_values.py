"""Writes every text and blob value of a SQLite database to standard output.

Each value is a 4-byte big-endian length and its bytes. The database is copied first, together with its
write-ahead log, so that the original is neither locked nor changed.
"""

import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path


def main(source: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        for suffix in ("", "-wal"):
            part = source.with_name(source.name + suffix)
            if part.exists():
                shutil.copyfile(part, copy.with_name(copy.name + suffix))
        database = sqlite3.connect(copy)
        database.text_factory = bytes
        names = database.execute("select name from sqlite_master where type = 'table'").fetchall()
        out = sys.stdout.buffer
        for (name,) in names:
            quoted = name.decode().replace('"', '""')
            for row in database.execute(f'select * from "{quoted}"'):
                for value in row:
                    if isinstance(value, bytes):
                        out.write(len(value).to_bytes(4, "big"))
                        out.write(value)
        database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
