"""Judges a log by aics-tlog, a third party's verifier of C2SP transparency logs.

judge.py VKEY LOG [OLD_CHECKPOINT]...    checkpoint, tiles, every entry, growth since each old checkpoint
judge.py VKEY --proof ENTRIES FILE...    tlog-proof files over the lines of ENTRIES
judge.py VKEY --growth OLD FILE...       consistency files from the checkpoint OLD
"""

import base64
import sys
from pathlib import Path

import aics_tlog as tlog


def opened(text, key):
    checkpoint = tlog.verify_checkpoint(tlog.parse_note(text), key, expected_origin=key.name)
    assert checkpoint.ok and checkpoint.log_ok, checkpoint
    return checkpoint


def proof(file):
    data = Path(file).read_text().removeprefix("c2sp.org/tlog-proof@v1\n")
    head, checkpoint = data.split("\n\n", 1)
    first, *hashes = head.split("\n")
    label, number = first.split(" ")
    return label, int(number), [base64.b64decode(line, validate=True) for line in hashes], checkpoint


key = tlog.parse_vkey(sys.argv[1])
if sys.argv[2] == "--proof":
    lines = Path(sys.argv[3]).read_bytes().removesuffix(b"\n").split(b"\n")
    for file in sys.argv[4:]:
        label, index, hashes, text = proof(file)
        checkpoint = opened(text, key)
        assert label == "index", file
        leaf = tlog.leaf_hash(lines[index])
        assert tlog.verify_inclusion(leaf, index, checkpoint.size, hashes, checkpoint.root), file
    print(f"{len(sys.argv) - 4} inclusion proofs")
elif sys.argv[2] == "--growth":
    old = opened(Path(sys.argv[3]).read_text(), key)
    for file in sys.argv[4:]:
        label, size, hashes, text = proof(file)
        checkpoint = opened(text, key)
        assert (label, size) == ("old", old.size), file
        assert tlog.verify_consistency(old.size, checkpoint.size, old.root, checkpoint.root, hashes), file
    print(f"{len(sys.argv) - 4} consistency files")
else:
    folder = Path(sys.argv[2])
    checkpoint = opened((folder / "checkpoint").read_text(), key)
    reader = tlog.FileSystemTileReader(folder)
    tlog.audit_tiles(reader, checkpoint.size, checkpoint.root)
    verified = tlog.VerifiedTileReader(reader, checkpoint.size, checkpoint.root)
    for index in range(checkpoint.size):
        hashes = tlog.inclusion_proof_from_tiles(verified, index, checkpoint.size)
        leaf = tlog.leaf_hash(verified.entry(index))
        assert tlog.verify_inclusion(leaf, index, checkpoint.size, hashes, checkpoint.root), index
    for file in sys.argv[3:]:
        old = opened(Path(file).read_text(), key)
        hashes = tlog.consistency_proof_from_tiles(verified, old.size, checkpoint.size)
        assert tlog.verify_consistency(old.size, checkpoint.size, old.root, checkpoint.root, hashes), file
    print(f"{checkpoint.size} entries, {len(sys.argv) - 3} old checkpoints")
