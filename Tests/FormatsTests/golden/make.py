"""Makes the golden files of the format tests. Run once with Python 3 and NumPy, in this folder."""
import gzip
import json
import struct

import numpy as np

with gzip.GzipFile("table.csv.gz", "wb", mtime=0) as f:
    f.write(b"a,b\n1,2\n3,4\n")

# IDX: two zeros, a type, a rank, big-endian sizes, big-endian values.
IDX = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
for code, dtype in IDX.items():
    a = (np.arange(6).reshape(2, 3) * 7 - (0 if code == 8 else 10)).astype(dtype)
    with open(f"type{code:02x}.idx", "wb") as f:
        f.write(struct.pack(">BBBB", 0, 0, code, 2) + struct.pack(">II", 2, 3) + a.tobytes())
images = (np.arange(3 * 4 * 4) * 5 % 256).astype(np.uint8).reshape(3, 4, 4)
labels = np.array([7, 0, 2], np.uint8)
for split, images_, labels_ in [("train", images, labels), ("t10k", images[:2], labels[:2])]:
    with gzip.GzipFile(f"{split}-images-idx3-ubyte.gz", "wb", mtime=0) as f:
        f.write(struct.pack(">IIII", 0x803, *images_.shape) + images_.tobytes())
    with open(f"{split}-labels.idx1-ubyte", "wb") as f:
        f.write(struct.pack(">II", 0x801, len(labels_)) + labels_.tobytes())

for t in ["?", "u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8", ">i4", ">f8", "u2", "u4"]:
    a = (np.arange(6).reshape(2, 3) * 3 - (0 if "u" in t else 5)).astype(t)
    np.save(f"{t.replace('>', 'big_').replace('?', 'bool')}.npy", a)
np.save("fortran.npy", np.asfortranarray(np.arange(24, dtype="f4").reshape(2, 3, 4)))
np.save("scalar.npy", np.float64(2.5))
np.save("empty.npy", np.zeros((0, 3), "f4"))
with open("version2.npy", "wb") as f:
    np.lib.format.write_array(f, np.arange(4, dtype="i4"), version=(2, 0))
np.savez("stored.npz", a=np.arange(3, dtype="f4"), b=np.eye(2))
np.savez_compressed("deflated.npz", a=np.arange(300, dtype="i4"), b=np.float32(1.5))

header = json.dumps({
    "__metadata__": {"format": "pt", "note": "ü\n"},
    "w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
    "b": {"dtype": "BF16", "shape": [2], "data_offsets": [16, 20]},
    "i": {"dtype": "I64", "shape": [], "data_offsets": [20, 28]},
}).encode()
header += b" " * (-len(header) % 8)
with open("small.safetensors", "wb") as f:
    f.write(struct.pack("<Q", len(header)) + header + np.array([1, 2, 3, 4], "f4").tobytes()
            + struct.pack("<HH", 0x3F80, 0xC000) + struct.pack("<q", -9))

record = bytes([3]) + bytes(range(256)) * 12
with open("data_batch_1.bin", "wb") as f:
    f.write(record + bytes([9]) + record[1:][::-1])
